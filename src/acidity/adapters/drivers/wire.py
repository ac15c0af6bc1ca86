"""The `LiveConnection` of a bare driver connection, and the plain face that a `Sandbox` needs of a driver that awaits.

The connection is held weakly: what the program drops, the driver closes, as it would without acidity.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, Protocol

from acidity.adapters.drivers.base import Driver
from acidity.adapters.seam import unseen
from acidity.engines.base import Sandbox


class RawWire:
    """One driver connection of the operation.

    Attributes:
        driver: whose connection it is.
        sandbox: the database that it leads to.
    """

    def __init__(self, sandbox: Sandbox, driver: Driver, connection: Any) -> None:
        self.driver = driver
        self.sandbox = sandbox
        self._connection = weakref.ref(connection)

    @property
    def driver_connection(self) -> Any:
        """The driver's own connection, or None when the program has dropped it."""
        return self._connection()

    @property
    def engine(self) -> str:
        """The name of the database engine."""
        return self.sandbox.engine_name

    @property
    def database(self) -> str:
        """What the scenario calls the database."""
        return self.sandbox.name

    @property
    def connection(self) -> Any:
        """The connection as a `Sandbox` takes it."""
        return self.driver.handle(self._connection())

    @property
    def errors(self) -> Any:
        """The driver's exception classes."""
        return self.driver.errors

    def on_driver(self, action: Callable[[Any], Any]) -> Any:
        """Run `action` with the driver's connection in the thread that the driver demands."""
        return self.sandbox.on_driver(self.connection, action)

    def send(self, sql: str) -> None:
        """Send a statement on it."""
        self.sandbox.send(self.connection, sql)

    def close(self) -> None:
        """Close it, as a lost one is closed."""
        if self._connection() is not None:
            with suppress(Exception):
                self.connection.close()

    def rollback(self) -> None:
        """Roll back on the driver."""
        self.connection.rollback()

    def impatient(self) -> AbstractContextManager[None]:
        """Let no lock wait on it last."""
        return self.sandbox.impatient(self.connection)

    def disconnected(self, error: BaseException) -> bool:
        """What the driver says of this error."""
        return isinstance(error, self.errors.Error) and self.driver.gone(self._connection(), error)

    def autocommits(self, sql: str) -> bool:
        """Whether this write would be committed by itself; a closed connection does not know."""
        with suppress(Exception):
            answer = self.driver.autocommits(self._connection(), sql)
            if answer is not None:
                return answer
            with unseen():
                return self.sandbox.in_transaction(self.connection) is False
        return False


class Asking(Protocol):
    """A driver that awaits, as far as `Awaited` needs it."""

    async def ask(self, connection: Any, sql: str) -> list[Any]:
        """Send a statement and give its rows."""

    async def close(self, connection: Any) -> None:
        """Close the connection."""

    def autocommit(self, connection: Any) -> bool:
        """Whether it is in its autocommit mode."""


class Awaited:
    """A connection whose driver awaits, with plain calls; they work in a greenlet of the loop, as SQLAlchemy's do."""

    def __init__(self, driver: Asking, connection: Any) -> None:
        self.driver_connection = connection
        self._driver = driver

    @property
    def autocommit(self) -> bool:
        """Whether it is in its autocommit mode."""
        return self._driver.autocommit(self.driver_connection)

    def ask(self, sql: str) -> list[Any]:
        """Send a statement and give its rows."""
        from sqlalchemy.util import await_only

        return await_only(self._driver.ask(self.driver_connection, sql))

    def cursor(self) -> AwaitedCursor:
        """What a `Sandbox` sends statements with."""
        return AwaitedCursor(self)

    def commit(self) -> None:
        """Commit."""
        self.ask("COMMIT")

    def rollback(self) -> None:
        """Roll back."""
        self.ask("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        from sqlalchemy.util import await_only

        await_only(self._driver.close(self.driver_connection))


class AwaitedCursor:
    """As much of a PEP 249 cursor as a `Sandbox` uses."""

    def __init__(self, connection: Awaited) -> None:
        self._connection = connection
        self._rows: list[Any] = []

    @property
    def description(self) -> list[Any]:
        """Something where there are rows."""
        return self._rows

    def execute(self, sql: str) -> None:
        """Send a statement."""
        self._rows = self._connection.ask(sql)

    def fetchall(self) -> list[Any]:
        """All rows."""
        return self._rows

    def fetchone(self) -> Any:
        """The first row."""
        return self._rows[0] if self._rows else None

    def close(self) -> None:
        """Nothing to close."""
