"""What the adapter knows of each driver connection and each dialect of SQLAlchemy: one record for each."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from sqlalchemy.engine import Dialect

from acidity.adapters.seam import Actor
from acidity.adapters.wire import LiveConnection
from acidity.engines.base import Sandbox


class KnownConnection(LiveConnection):
    """A driver connection that SQLAlchemy uses and that leads to a Sandbox.

    Attributes:
        dialect: what SQLAlchemy asks it through.
        connection: as SQLAlchemy calls it: the driver's own, or its plain face of one that awaits.
        errors: the driver's module.
        through: what the driver is called in URLs.
        raw_by: who took it from the pool without making a Connection of it.
        pool_record: SQLAlchemy's record of its place in the pool, once it was checked out.
    """

    __slots__ = ("_connection", "_errors", "_through", "dialect", "pool_record", "raw_by")

    connection = property(attrgetter("_connection"))  # without a function: asked for every Call
    errors = property(attrgetter("_errors"))
    through = property(attrgetter("_through"))

    def __init__(self, sandbox: Sandbox, dialect: Dialect, connection: Any) -> None:
        super().__init__(sandbox)
        self.dialect = dialect
        self._connection = connection
        self._errors = dialect.dbapi
        self._through = dialect.driver
        self.raw_by: Actor | None = None
        self.pool_record: Any = None

    def is_gone(self, error: BaseException) -> bool:
        """As the dialect reads the error."""
        return self.dialect.is_disconnect(error, self.connection, None)  # type: ignore[arg-type]  # asked of its Error


class KnownDialect:
    """A dialect whose connections lead to a Sandbox.

    Attributes:
        dialect: kept, so that nobody else gets its id.
        sandbox: where its last connection was opened to; None before.
        redirected_to: where its connections go instead of where they ask for.
        is_wrapped: its calls of the driver pass the seam.
    """

    __slots__ = ("dialect", "is_wrapped", "redirected_to", "sandbox")

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.sandbox: Sandbox | None = None
        self.redirected_to: Sandbox | None = None
        self.is_wrapped = False


class Known:
    """All of them, by identity; a driver connection is known until the run is over.

    Attributes:
        connections: driver connections.
        dialects: dialects.
        resetting: ids of driver connections, known or not, that their pool is about to roll back, which is no Call.
    """

    def __init__(self) -> None:
        self.connections: dict[int, KnownConnection] = {}
        self.dialects: dict[int, KnownDialect] = {}
        self.resetting: set[int] = set()

    def forget(self) -> None:
        """The run is over."""
        self.connections.clear()
        self.resetting.clear()

    def connection(self, dbapi_connection: Any) -> KnownConnection | None:
        """What is known of a driver connection; None when it does not lead to us."""
        return self.connections.get(id(dbapi_connection))

    def dialect(self, dialect: Dialect) -> KnownDialect:
        """What is known of a dialect."""
        return self.dialects.setdefault(id(dialect), KnownDialect(dialect))

    def leads_here(self, dialect: Dialect) -> bool:
        """Whether a connection of this dialect was opened to one of ours."""
        known = self.dialects.get(id(dialect))
        return known is not None and known.sandbox is not None

    def add(self, sandbox: Sandbox, dialect: Dialect, dbapi_connection: Any) -> KnownConnection:
        """A driver connection was opened to this Sandbox."""
        known = KnownConnection(sandbox, dialect, dbapi_connection)
        self.connections[id(dbapi_connection)] = known
        self.dialect(dialect).sandbox = sandbox
        return known

    def leading(self, dialect: Dialect, dbapi_connection: Any) -> KnownConnection:
        """The record of a connection of a wrapped dialect.

        One that was kept from the run before is forgotten; it leads where its dialect last led.
        """
        known = self.connections.get(id(dbapi_connection))
        if known is not None:
            return known
        sandbox = self.dialects[id(dialect)].sandbox
        assert sandbox is not None, "a dialect is wrapped when it has a connection"
        return self.add(sandbox, dialect, dbapi_connection)
