"""The live connection that a Call goes over, as faults, remedies and Gates see it, whatever library opened it.

Everything here that asks the driver something does it as acidity's own call, so it is safe beside other actors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from acidity.adapters.savepoints import Savepoints
from acidity.engines.base import Sandbox
from acidity.engines.own_calls import own_calls


class LiveConnection(ABC):
    """One driver connection of an operation.

    Attributes:
        sandbox: the database that it leads to.
        engine: the name of the database engine, such as ``sqlite``.
        database: what the scenario calls the database; empty where there is only one.
        savepoints: those of a transaction that a savepoint began.
    """

    __slots__ = ("__weakref__", "_is_asked", "_patient", "database", "engine", "sandbox", "savepoints")

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.engine = sandbox.engine_name
        self.database = sandbox.name
        self.savepoints = Savepoints()
        self._patient: bool | None = None
        self._is_asked = False

    @property
    @abstractmethod
    def connection(self) -> Any:
        """The driver's connection with plain calls, as a `Sandbox` takes it."""

    @property
    @abstractmethod
    def errors(self) -> Any:
        """Where the driver's PEP 249 exception classes are."""

    @property
    @abstractmethod
    def through(self) -> str:
        """What the driver is called in URLs."""

    @abstractmethod
    def is_gone(self, error: BaseException) -> bool:
        """Whether this error of the driver means that the connection is gone."""

    def autocommits(self, sql: str) -> bool:
        """Whether the database would commit this write by itself: no transaction is open, and none will be begun."""
        del sql
        connection = self.connection
        return self.sandbox.commits_by_itself(connection) and not self.sandbox.in_transaction(connection)

    def on_driver(self, action: Callable[[Any], Any]) -> Any:
        """Run `action` with the driver's own connection, in the thread that the driver demands."""
        with own_calls():
            return self.sandbox.on_driver(self.connection, action)

    def send(self, sql: str) -> None:
        """Send a statement on the same connection, in the same transaction."""
        with own_calls():
            self.sandbox.send(self.connection, sql)

    def sends(self, sql: str) -> bool:
        """Whether the same could be done; a failed transaction takes none.

        Raises:
            Exception: of the driver, if the connection is gone. A library that has heard so may take what comes next
                for done, so nothing is to be asked on it any more.
        """
        try:
            self.send(sql)
        except Exception as error:  # every driver has its own
            if self.is_gone(error):
                raise
            return False
        return True

    def commit(self) -> None:
        """Commit on the driver."""
        with own_calls():
            self.connection.commit()

    def rollback(self) -> None:
        """Roll back on the driver."""
        with own_calls():
            self.connection.rollback()

    def close(self) -> None:
        """Close the driver's connection under the library's feet, as a lost one is closed."""
        with own_calls(), suppress(Exception):
            self.connection.close()

    def make_impatient(self) -> bool | None:
        """Let a database that refuses do so at once on it; whether it would have tried again, see `Patience`.

        It is asked once, and again where the program has set it: a pool gives it from caller to caller.
        """
        if not self._is_asked:
            with own_calls():
                self._patient, self._is_asked = self.sandbox.make_impatient(self.connection), True
        return self._patient

    def is_set(self) -> None:
        """The program has set how long it waits."""
        self._is_asked = False

    def waits_briefly(self) -> bool:
        """Whether it is refused at once, or soon, where another one would wait."""
        if self._is_asked and self._patient is not None:
            return not self._patient
        with own_calls():
            return self.sandbox.waits_briefly(self.connection)

    def about_to_wait(self) -> None:
        """What is asked on it next may close a cycle of waits, see `Life`."""
        with own_calls():
            self.sandbox.about_to_wait(self.connection)

    def level(self) -> str:
        """The isolation level of its transaction, see `Facts.level_of`."""
        with own_calls():
            return self.sandbox.level_of(self.connection)

    def level_beside(self) -> str:
        """The isolation level of a statement that commits by itself."""
        with own_calls():
            return self.sandbox.level_beside(self.connection)

    def in_transaction(self) -> bool | None:
        """Whether a transaction is open on it; None when it is closed."""
        with own_calls():
            return self.sandbox.in_transaction(self.connection)

    @property
    def session(self) -> int | None:
        """The engine's number of it; None when it is closed, or the engine has none."""
        return self.sandbox.session_of(self.connection)

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """Let no lock wait on it last while the context does."""
        with own_calls(), self.sandbox.impatient(self.connection):
            yield
