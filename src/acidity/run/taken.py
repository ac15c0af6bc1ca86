"""A connection that a pool gets back at once, also when it is lost while SQLAlchemy sets it up."""

from __future__ import annotations

from sqlalchemy.engine import Connection, Engine


class TakenConnection(Connection):
    """A connection whose slot in the pool is free again if it cannot be made.

    An engine with ``execution_options(isolation_level=…)`` sends its level when the pool has handed a connection out
    already. When that fails, SQLAlchemy leaves the pool's connection to the garbage collector: until then nobody else
    can have it, and one of an asynchronous driver is never closed.
    """

    def __init__(self, engine: Engine) -> None:
        try:
            super().__init__(engine)
        except BaseException:
            pooled = getattr(self, "_dbapi_connection", None)
            if pooled is not None:
                pooled.invalidate()
            raise
