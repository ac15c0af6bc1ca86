"""Find the module-level engines that ``bind=`` names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy.engine import Engine

from acidity.errors import UsageError
from acidity.prove.stage.named import named


def bound_engines(names: Iterable[str]) -> Iterator[Engine]:
    """The engines, sync or the sync half of async ones.

    Raises:
        UsageError: a name leads to nothing, or not to an engine.
    """
    for name in names:
        found = named(name, f"bind={name!r}")
        engine = getattr(found, "sync_engine", found)
        if not isinstance(engine, Engine):
            raise UsageError(f"bind={name!r} is a {type(found).__name__}, not a SQLAlchemy engine")
        yield engine
