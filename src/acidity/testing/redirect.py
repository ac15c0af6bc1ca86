"""Point a module-level engine of the program under test at the throw-away database, for one test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.pool import NullPool

from acidity.adapters.sqlalchemy import SqlAlchemyAdapter
from acidity.engines.base import Ground, Sandbox
from acidity.errors import ForeignDatabase


class _Gatekeeper:
    """Nothing is refused in a test; only the Sandbox is asked for."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox: Ground = sandbox
        self.parts: Mapping[str, Sandbox] = {"": sandbox}

    def refuse(self, error: ForeignDatabase) -> None:
        raise error


@contextmanager
def redirected(engine: Engine, sandbox: Sandbox) -> Iterator[None]:
    """What `SqlAlchemyAdapter.redirecting` does, without the hooks on all engines that a check has.

    An async engine keeps no connections: each test may have an event loop of its own, which they would outlive.
    """
    same_kind = sandbox.serves(engine.dialect.name)

    def connect(dialect: Dialect, _record: Any, _cargs: Any, cparams: dict[str, Any]) -> Any:
        return sandbox.connect(dialect, cparams)

    with SqlAlchemyAdapter(_Gatekeeper(sandbox)).redirecting(engine, sandbox):
        if engine.dialect.is_async:
            pool = engine.pool
            engine.pool = NullPool(pool._creator, dialect=pool._dialect, _dispatch=pool.dispatch)
        if same_kind:  # first, as a hook of the user's may connect too; those of a check stand before all
            event.listen(engine, "do_connect", connect, insert=True)
        try:
            yield
        finally:
            if same_kind:
                event.remove(engine, "do_connect", connect)
