"""What an invariant looks through: a session, or for a scenario with several databases a session for each name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from acidity.engines.base import Sandbox
from acidity.engines.own_calls import judging_calls

Engines = Engine | Mapping[str, Engine]


class Judges:
    """Plain engines of our own, unseen by the seam: on the rows now, and read-only on the rows before.

    Args:
        parts: the databases of the check.

    Attributes:
        opened: the connections of drivers that those at work have opened.
    """

    def __init__(self, parts: Mapping[str, Sandbox]) -> None:
        self.opened: list[Any] = []
        self._parts = parts
        self._engines: tuple[Engines, Engines] | None = None

    @contextmanager
    def at_work(self) -> Iterator[tuple[Engines, Engines]]:
        """Give both, while what goes over them is nobody's Call."""
        if self._engines is None:
            self._engines = _judges_of(self._parts)
            for engine in self._every():
                event.listen(engine, "connect", lambda connection, _: self.opened.append(connection))
        with judging_calls({id(engine.dialect) for engine in self._every()}):
            try:
                yield self._engines
            finally:
                self.opened.clear()

    def _every(self) -> list[Engine]:
        return [engine for engines in self._engines or () for engine in every(engines)]


def _judges_of(parts: Mapping[str, Sandbox]) -> tuple[Engines, Engines]:
    """Engines without a pool."""

    def engines(made: Mapping[str, Engine]) -> Engines:
        return made.get("", made)

    now = {name: create_engine(part.url(), poolclass=NullPool) for name, part in parts.items()}
    before = {
        name: create_engine(part.before_url(), poolclass=NullPool, **part.before_options())
        for name, part in parts.items()
    }
    return engines(now), engines(before)


def every(engines: Engines) -> list[Engine]:
    """The engines of all databases."""
    return [engines] if isinstance(engines, Engine) else list(engines.values())


@contextmanager
def looking(engines: Engines) -> Iterator[Any]:
    """Sessions on these engines, closed afterwards."""
    if isinstance(engines, Engine):
        with Session(engines) as session:
            yield session
        return
    with ExitStack() as stack:
        yield {name: stack.enter_context(Session(engine)) for name, engine in engines.items()}
