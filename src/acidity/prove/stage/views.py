"""What an invariant looks through: a session, or for a scenario with several databases a session for each name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from acidity.engines.base import Sandbox

Engines = Engine | Mapping[str, Engine]


def judges_of(parts: Mapping[str, Sandbox]) -> tuple[Engines, Engines]:
    """Engines without a pool: on the rows now, and read-only on the rows before."""

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
