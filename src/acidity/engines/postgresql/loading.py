"""Values that Python has no type for are read as PostgreSQL writes them: infinity, and years before 1 or after 9999.

Source: PostgreSQL manual, 8.5.1.4 *Special Values*; psycopg raises DataError for them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

_TYPES = {
    "date": "DateLoader",
    "timestamp": "TimestampLoader",
    "timestamptz": "TimestamptzLoader",
    "interval": "IntervalLoader",
}


def reading_everything(connection: Any) -> Any:
    """The same connection of psycopg, which raises for no value."""
    for name, loader in _loaders().items():
        connection.adapters.register_loader(name, loader)
    return connection


@cache
def _loaders() -> dict[str, Any]:
    from psycopg.types import datetime

    return {name: _lenient(getattr(datetime, loader)) for name, loader in _TYPES.items()}


def _lenient(loader: Any) -> Any:
    from psycopg import DataError

    class Lenient(loader):  # type: ignore[misc]
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except DataError:
                return bytes(data).decode()

    return Lenient
