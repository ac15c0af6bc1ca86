"""`Facts` of SQLite connections: what the driver's own connection says; there is no server to ask."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from acidity.engines.facts import Waits
from acidity.engines.own_calls import own_calls
from acidity.engines.session import Left
from acidity.engines.sqlite.bypass import Watch
from acidity.engines.sqlite.session import left_on


class SqliteFacts:
    """See `Facts` for what the methods promise."""

    path: Path
    _watch: Watch
    _looking: sqlite3.Connection | None
    _in_memory: bool  # a database was attached that lives in one connection, so nobody else can read its rows

    def on_driver(self, dbapi_connection: Any, action: Callable[[Any], Any]) -> Any:
        """Run `action` with the `sqlite3.Connection`; aiosqlite's lives in a thread of its own."""
        if isinstance(dbapi_connection, sqlite3.Connection):
            return action(dbapi_connection)
        from sqlalchemy.util import await_only

        driver = dbapi_connection.driver_connection
        return await_only(driver._execute(action, driver._conn))

    def send(self, dbapi_connection: Any, sql: str) -> None:
        """Send a statement on the driver's connection."""
        self.on_driver(dbapi_connection, lambda connection: connection.execute(sql).fetchall())

    def interrupt(self, opened: Iterable[Any], *, everything: bool) -> None:
        """By the one method of a connection that every thread may call."""
        del everything
        for connection in opened:
            with suppress(sqlite3.Error, AttributeError, ValueError):
                native_of(connection).interrupt()

    def session_of(self, dbapi_connection: Any) -> None:
        """A file has no sessions."""

    def waits_for(self, dbapi_connection: Any) -> None:
        """SQLite refuses with BUSY and says of nobody that he waits; `impatient` lets it refuse at once."""

    def waits(self, sessions: Collection[int]) -> Waits:
        """So nobody waits for anybody."""
        del sessions
        return {}

    def commits_by_itself(self, dbapi_connection: Any) -> bool:
        """``isolation_level=None``, or ``autocommit=True`` from Python 3.12 on."""
        with suppress(sqlite3.ProgrammingError, ValueError, AttributeError):
            native = native_of(dbapi_connection)
            mode = getattr(native, "autocommit", None)
            return mode if isinstance(mode, bool) else native.isolation_level is None
        return False

    def level_of(self, dbapi_connection: Any) -> str:
        """There is but one."""
        del dbapi_connection
        return ""

    def level_beside(self, dbapi_connection: Any) -> str:
        """The same."""
        del dbapi_connection
        return ""

    def in_transaction(self, dbapi_connection: Any) -> bool | None:
        """What the driver says; None when it is closed."""
        try:
            return bool(native_of(dbapi_connection).in_transaction)
        except (sqlite3.ProgrammingError, ValueError, AttributeError):
            return None

    def has_ended(self, dbapi_connection: Any) -> bool:
        """A connection to a file has no other end that could."""
        del dbapi_connection
        return False

    def at_rest(self, opened: Iterable[Any]) -> int | None:
        """The drivers know of no transaction, and nobody on this machine holds any lock on the file.

        ``BEGIN EXCLUSIVE`` succeeds only then; under ``journal_mode=WAL``, where readers lock nobody out, only if no
        one has begun to write.
        """
        connections = list(opened)
        self.settle(connections)
        states = [self.in_transaction(connection) for connection in connections]
        if any(states) or self._in_memory:
            return None
        with own_calls():
            connection = sqlite3.Connection(str(self.path), timeout=0, isolation_level=None)
        try:
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:  # somebody holds a lock, or what he left has to be recovered
            connection.close()
            return None
        self._let_go()
        self._looking = connection  # what is at rest is looked at next, over the same connection
        return states.count(False)

    def _let_go(self) -> None:
        """Close what a look was to use."""
        if self._looking is not None:
            self._looking.close()
            self._looking = None

    def left_on(self, dbapi_connection: Any) -> tuple[Left, ...]:
        """Temporary tables and attached databases."""
        found: tuple[Left, ...] = self.on_driver(dbapi_connection, left_on)
        return found

    def make_impatient(self, dbapi_connection: Any) -> bool:
        """``busy_timeout`` 0; the program's own was more than that, or it was not."""

        def set_timeout(connection: sqlite3.Connection) -> bool:
            return _timed_out_after(connection, 0) > 0

        with own_calls():
            patient: bool = self.on_driver(dbapi_connection, set_timeout)
        return patient

    def waits_briefly(self, dbapi_connection: Any) -> bool:
        """``busy_timeout``, in milliseconds; 0 is no wait at all."""

        def timeout(connection: sqlite3.Connection) -> bool:
            return _timed_out_after(connection, None) < _BRIEF_MS

        with own_calls():
            brief: bool = self.on_driver(dbapi_connection, timeout)
        return brief

    @contextmanager
    def impatient(self, dbapi_connection: Any) -> Iterator[None]:
        """``busy_timeout`` 0 while the context lasts."""

        def set_timeout(milliseconds: int) -> Callable[[sqlite3.Connection], int]:
            return lambda connection: _timed_out_after(connection, milliseconds)

        old = self.on_driver(dbapi_connection, set_timeout(0))
        try:
            yield
        finally:
            with suppress(sqlite3.Error, ValueError):
                self.on_driver(dbapi_connection, set_timeout(old))

    def drain(self, dbapi_connection: Any) -> None:
        """Aiosqlite's thread goes on with a statement whose task was cancelled; let it come to its end."""
        if not isinstance(dbapi_connection, sqlite3.Connection):
            with suppress(ValueError):
                self.on_driver(dbapi_connection, lambda _: None)

    def settle(self, opened: Iterable[Any]) -> None:
        """Aiosqlite closes in its thread; wait for the end of that. Look what else the others have opened."""
        for dbapi_connection in opened:
            driver = getattr(dbapi_connection, "driver_connection", None)
            if driver is not None and not driver._running:
                getattr(driver, "_thread", driver).join(timeout=10)  # it was a thread itself once
            elif isinstance(dbapi_connection, sqlite3.Connection):
                with suppress(sqlite3.Error), own_calls():  # it is closed, or another thread's
                    cursor = dbapi_connection.cursor()
                    cursor.row_factory = None  # the program may have set one
                    opened_files = cursor.execute("PRAGMA database_list").fetchall()
                    self._in_memory |= any(number >= _FIRST_ATTACHED and not file for number, _, file in opened_files)


def _timed_out_after(connection: sqlite3.Connection, milliseconds: int | None) -> int:
    """Set ``busy_timeout`` on a connection of the program, unless it is None; the old one, in milliseconds."""
    cursor = connection.cursor()
    cursor.row_factory = None  # the program may have set one
    old = int(cursor.execute("PRAGMA busy_timeout").fetchone()[0])
    if milliseconds is not None:
        cursor.execute(f"PRAGMA busy_timeout = {milliseconds}").fetchall()
    cursor.close()
    return old


_BRIEF_MS = 1
_FIRST_ATTACHED = 2  # after the main database and that of temporary tables


def native_of(dbapi_connection: Any) -> Any:
    """The `sqlite3.Connection` behind what SQLAlchemy calls the connection."""
    if isinstance(dbapi_connection, sqlite3.Connection):
        return dbapi_connection
    return dbapi_connection.driver_connection._conn
