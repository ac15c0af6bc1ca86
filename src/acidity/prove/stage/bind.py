"""Find the module-level engines that ``bind=`` names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from sqlalchemy.engine import Engine

from acidity.errors import UsageError


def bound_engines(names: Iterable[str]) -> Iterator[Engine]:
    """The engines, sync or the sync half of async ones.

    Raises:
        UsageError: a name leads to nothing, or not to an engine.
    """
    for name in names:
        module, _, path = name.partition(":")
        if not module or not path:
            raise UsageError(f"bind={name!r} is not of the form 'module:engine'")
        try:
            found: Any = import_module(module)
            for part in path.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            raise UsageError(f"bind={name!r} cannot be found: {error}") from None
        engine = getattr(found, "sync_engine", found)
        if not isinstance(engine, Engine):
            raise UsageError(f"bind={name!r} is a {type(found).__name__}, not a SQLAlchemy engine")
        yield engine
