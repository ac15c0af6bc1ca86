"""`Facts` of connections to a server: what the server says of their sessions, never what the driver believes."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

from acidity.engines.hosted_database import HostedDatabase, rows_of
from acidity.engines.sandbox import Unsettled

SETTLE_S_MAX = 10.0
GONE_S_MAX = 5.0


class Monitor:
    """A connection of an administrator's own from which sessions are watched while others are at work.

    It is on no database of a check, so it is none of that check's sessions; threads take turns on it.

    Args:
        connect: opens it, when it is first needed.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._turn = threading.Lock()

    def ask(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Send a statement; its rows. A connection that broke is opened anew, once."""
        with self._turn:
            if self._connection is not None:
                with suppress(Exception):  # every driver says in its own way that its server was restarted
                    return rows_of(self._connection, sql, parameters)
                self._close()
            self._connection = self._connect()
            return rows_of(self._connection, sql, parameters)

    def close(self) -> None:
        """Close it; the next question opens it again."""
        with self._turn:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
            self._connection = None


class HostedFacts(HostedDatabase):
    """See `Facts` for what the methods promise."""

    asks_level = "SELECT @@tx_isolation"
    asks_limits: tuple[str, ...] = (
        "SELECT IF(@@innodb_lock_wait_timeout = 0, 1, 0)",
        "SELECT FLOOR(1000 * @@max_statement_time)",
    )
    monitor: Monitor

    def on_driver(self, dbapi_connection: Any, action: Callable[[Any], Any]) -> Any:
        """Run `action` with the connection as SQLAlchemy has it; its calls work in this thread."""
        return action(dbapi_connection)

    def interrupt(self, opened: Iterable[Any], *, everything: bool) -> None:
        """End every session of the operations at the server."""
        del opened
        deadline = time.monotonic() + GONE_S_MAX
        with closing(self.connect_admin()) as outside:
            while found := rows_of(outside, *self.sessions_to_end(everything=everything)):
                for (number,) in found:
                    with suppress(Exception):  # it has ended by itself
                        rows_of(outside, self.ending(number))
                if time.monotonic() > deadline:
                    return
                time.sleep(0.01)  # a server takes a moment; what it had begun to commit is there only then

    def send(self, dbapi_connection: Any, sql: str) -> None:
        """Send a statement on somebody's connection, in their transaction, unseen by the seam."""
        cursor = dbapi_connection.cursor()
        try:
            cursor.execute(sql)
            if cursor.description:
                cursor.fetchall()
        finally:
            cursor.close()

    def waits_for(self, dbapi_connection: Any) -> frozenset[int] | None:
        """What the server says of its session; None when it is closed."""
        number = self.session_of(dbapi_connection)
        return None if number is None else self.waits([number]).get(number, frozenset())

    def has_ended(self, dbapi_connection: Any) -> bool:
        """What the server says of the session."""
        return self.session_of(dbapi_connection) not in self.sessions()

    def is_blocked(self, number: int) -> bool:
        """Whether the server says that a session waits for a lock."""
        return number in self.waits([number])

    def in_transaction(self, dbapi_connection: Any) -> bool | None:
        """What the server says of the session."""
        number = self.session_of(dbapi_connection)
        state = self.sessions().get(number) if number is not None else None
        return None if state is None else state == "in transaction"

    def level_of(self, dbapi_connection: Any) -> str:
        """What the session says; a transaction that has failed says nothing."""
        if self.commits_by_itself(dbapi_connection) and not self.in_transaction(dbapi_connection):
            return "AUTOCOMMIT"
        return self.level_beside(dbapi_connection)

    def level_beside(self, dbapi_connection: Any) -> str:
        """What the session says: outside a transaction, of the one that each statement is."""
        return str(asked_of(dbapi_connection, self.asks_level)).replace("-", " ").upper()

    def waits_briefly(self, dbapi_connection: Any) -> bool:
        """What the session says of its limits for locks and statements."""
        return any(_BRIEF.fullmatch(str(asked_of(dbapi_connection, each))) for each in self.asks_limits)

    def make_impatient(self, dbapi_connection: Any) -> None:
        """A server lets wait, and says who does."""

    @contextmanager
    def impatient(self, dbapi_connection: Any) -> Iterator[None]:
        """Lock waits end at once while the context lasts."""
        on, off = self.impatience()
        self.send(dbapi_connection, on)
        try:
            yield
        finally:
            with suppress(Exception):
                self.send(dbapi_connection, off)

    def drain(self, dbapi_connection: Any) -> None:
        """Wait until the server no longer works for this connection."""
        number = self.session_of(dbapi_connection)
        if number is not None:
            self._wait_until(lambda: self.sessions().get(number) != "active")

    def settle(self, opened: Iterable[Any]) -> None:
        """Wait until sessions of closed connections are gone and no open one is at work.

        Raises:
            Unsettled: they are not, after `SETTLE_S_MAX` seconds.
        """
        alive = {self.session_of(connection) for connection in opened}
        beside = {self.session_of(connection) for connection in self._beside}

        def settled() -> bool:
            left = {number: state for number, state in self.sessions().items() if number not in beside}
            return all(state == "idle" or (state != "active" and number in alive) for number, state in left.items())

        self._wait_until(settled)

    # For faults, which need a fact to have come about

    def end(self, dbapi_connection: Any) -> None:
        """End the connection's session at the server, and wait until it is gone."""
        number = self.session_of(dbapi_connection)
        if number is not None:
            self.end_session(number)
            self.wait_until_gone(number)

    def end_sessions(self) -> None:
        """End every session that may hold locks, and wait until they are gone."""
        for number in self._at_work():
            self.end_session(number)
        self._wait_until(lambda: not self._at_work())

    def wait_until_gone(self, number: int) -> None:
        """Wait until a session has ended."""
        self._wait_until(lambda: number not in self.sessions())

    def wait_until_blocked(self, number: int) -> None:
        """Wait until the server says that a session waits for a lock."""
        self._wait_until(lambda: self.is_blocked(number))

    def cancel_when_active(self, number: int) -> None:
        """Cancel the statement of a session as soon as the server says that it runs, as the monitor sees it."""
        deadline = time.monotonic() + SETTLE_S_MAX
        while not self.cancel_if_active(number) and time.monotonic() < deadline:
            time.sleep(0.001)

    def _at_work(self) -> list[int]:
        """Sessions that may hold locks; an idle one that is only closing disturbs nobody."""
        return [number for number, state in self.sessions().items() if state != "idle"]

    def _wait_until(self, reached: Callable[[], bool]) -> None:
        """Ask the server again until it says so; a fact, not a pause."""
        deadline = time.monotonic() + SETTLE_S_MAX
        while not reached():
            if time.monotonic() > deadline:
                raise Unsettled(f"{self.engine_name} did not settle within {SETTLE_S_MAX:.0f} s")
            time.sleep(0.001)


_BRIEF = re.compile(r"[1-9]\d{0,2}(?:ms|\.0)?")


def asked_of(dbapi_connection: Any, question: str) -> object:
    """One value that a session tells; a transaction that has failed says nothing, nor one that is still sending rows.

    Not by `rows_of`: the plain face of an async connection cannot ask for further results.
    """
    if _is_sending(dbapi_connection):
        return ""
    try:
        cursor = dbapi_connection.cursor()
        try:
            cursor.execute(question)
            row = cursor.fetchone()
        finally:
            cursor.close()
    except Exception:  # every driver has its own
        return ""
    (value,) = row.values() if isinstance(row, Mapping) else row  # the program decides what its rows are
    return value


def _is_sending(dbapi_connection: Any) -> bool:
    """Whether rows are still to be fetched that a question would lose: with a cursor that streams, from MariaDB.

    PyMySQL and aiomysql throw them away; mysqlclient, whose adapter notes the cursor, refuses to fetch them.
    """
    driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
    if getattr(getattr(driver, "_result", None), "unbuffered_active", False):
        return True
    sends_to = getattr(driver, "acidity_sends_to", None)
    return sends_to is not None and getattr(sends_to(), "_result", None) is not None
