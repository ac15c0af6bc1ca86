"""The driver's connection behind one of SQLAlchemy's, for who only wants to know which it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

_pooled: Any = vars(Connection)["connection"]  # as `atomic` has not overridden it


def dbapi_connection_of(connection: Connection) -> Any:
    """The driver's connection, not handed out: a unit of work sets a savepoint when a program takes it."""
    return _pooled.fget(connection).dbapi_connection
