"""The `LiveConnection` of a bare driver, and the plain face that a `Sandbox` needs of a driver that awaits.

The connection is held weakly: what the program drops, the driver closes, as it would without acidity.
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import Any, Protocol

from acidity.adapters.drivers.base import Driver
from acidity.adapters.wire import LiveConnection
from acidity.engines.base import Sandbox
from acidity.engines.own_calls import own_calls


class RawConnection(LiveConnection):
    """One driver connection that the operation has opened by itself.

    Attributes:
        driver: whose connection it is.
        used: an operation has used it, or opened it itself; a pool may keep one that nobody has used yet.
    """

    __slots__ = ("_connection", "driver", "used")

    def __init__(self, sandbox: Sandbox, driver: Driver, connection: Any) -> None:
        super().__init__(sandbox)
        self.driver = driver
        self.used = True
        self._connection = weakref.ref(connection)

    @property
    def driver_connection(self) -> Any:
        """The driver's own connection, or None when the program has dropped it."""
        return self._connection()

    @property
    def connection(self) -> Any:
        """The connection as a `Sandbox` takes it."""
        return self.driver.handle(self._connection())

    @property
    def errors(self) -> Any:
        """The driver's exception classes."""
        return self.driver.errors

    @property
    def through(self) -> str:
        """The name of its module, as URLs spell it."""
        return self.driver.module.lower()

    def close(self) -> None:
        """Close it, unless the program has dropped it."""
        if self._connection() is not None:
            super().close()

    def is_gone(self, error: BaseException) -> bool:
        """As the driver says."""
        return self.driver.gone(self._connection(), error)

    def autocommits(self, sql: str) -> bool:
        """Whether this write would be committed by itself; a closed connection does not know."""
        with own_calls(), suppress(Exception):
            answer = self.driver.autocommits(self._connection(), sql)
            return answer if answer is not None else self.sandbox.in_transaction(self.connection) is False
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
        """Not empty where there are rows."""
        return self._rows

    def execute(self, sql: str) -> None:
        """Send a statement, and keep all of its rows."""
        self._rows = self._connection.ask(sql)

    def fetchall(self) -> list[Any]:
        """All rows of the statement that was sent last."""
        return self._rows

    def fetchone(self) -> Any:
        """The first row of the statement that was sent last, or None."""
        return self._rows[0] if self._rows else None

    def close(self) -> None:
        """The rows are held already, so there is nothing to close."""
