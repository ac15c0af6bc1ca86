"""Connections that were open before the check: they lead to the program's own data, and no operation may use them.

A driver written in Python is asked for leave at each of its calls (`dbapi`). What is written in C is held back here
while the check lasts: SQLite by the authorizer of the connection, SQLAlchemy by its events. An open connection of
psycopg2 or a bare ``PGconn`` cannot be held back, so no check starts beside one.
"""

from __future__ import annotations

import gc
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import compress
from typing import Any, NoReturn

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import ConnectionPoolEntry

from acidity.adapters.base import Bystander, Gatekeeper, destination
from acidity.adapters.behind import pooled_connection_of
from acidity.adapters.dbapi import called_by_others
from acidity.adapters.handles import Handles, kept_apart
from acidity.adapters.seam import current_actor
from acidity.engines.audit import hear
from acidity.engines.own_calls import JUDGES, OWN
from acidity.errors import ForeignDatabase

_USED = "it was not used."
_OPEN = 0  # of psycopg2's `closed` and of libpq's `status`


class BeforehandAdapter(Bystander):
    """Holds back what was open before, while it is installed.

    Args:
        gatekeeper: is told of what is refused.
    """

    def __init__(self, gatekeeper: Gatekeeper) -> None:
        self._files: list[sqlite3.Connection] = []
        self._armed = False
        super().__init__(gatekeeper)
        self._pooled: dict[int, Any] = {}
        self._opening = threading.local()
        self._handles = Handles(self._is_used, self._refuse)
        self._listeners = (
            (Engine, "before_cursor_execute", self._on_execute),
            (Engine, "commit", self._on_commit),
            (Engine, "commit_twophase", self._on_commit),
        )

    def install(self) -> None:
        """Find what is open, and hold it back.

        Raises:
            ForeignDatabase: something is open that cannot be held back.
        """
        found = _alive()
        unstoppable = [*found.unstoppable, *map(_called, kept_apart(found.handled))]
        if unstoppable:
            raise ForeignDatabase(
                f"{unstoppable[0]} is open before the check, and acidity could not stop an operation from using "
                "it; close it first, or open it where it is used"
            )
        self._pooled = {id(found_one): found_one for found_one in found.pooled}
        for connection in found.files:
            self._hold_back(connection)
        self._handles.hold_back(found.handled)
        for target, name, listener in self._listeners:
            event.listen(target, name, listener)
        _installed.append(self)
        hear(_heard, ("sqlite3.connect", "sqlite3.connect/handle"))

    def remove(self) -> None:
        """Let go of everything."""
        if self not in _installed:
            return
        _installed.remove(self)
        for target, name, listener in self._listeners:
            event.remove(target, name, listener)
        self._handles.release()
        for connection in self._files:
            with suppress(sqlite3.Error):
                connection.set_authorizer(None)
        self._files.clear()
        self._pooled.clear()

    @property
    def armed(self) -> bool:
        """An operation runs. SQLite writes nothing meanwhile on what is held back, by ways that no authorizer sees."""
        return self._armed

    @armed.setter
    def armed(self, on: bool) -> None:
        self._armed = False  # the program does not ask here
        for connection in self._files:
            with suppress(sqlite3.Error):
                sqlite3.Connection.execute(connection, f"PRAGMA query_only = {int(on)}")
        self._armed = on

    def _is_used(self) -> bool:
        """Whether the program asks now, as an operation, a step or a judge."""
        return JUDGES.get() is not None or (self.armed and current_actor() is not None)

    def _refuse(self, what: str) -> NoReturn:
        error = ForeignDatabase(f"{what} that was opened before it, a database that acidity did not create; {_USED}")
        self.gatekeeper.refuse(error)
        raise error

    # SQLite

    def _hold_back(self, connection: sqlite3.Connection) -> None:
        """Deny every statement of an operation on it; whoever else uses it notices nothing.

        One that belongs to another thread refuses this one by itself.
        """

        def authorize(*_: Any) -> int:
            if not self._is_used():
                return sqlite3.SQLITE_OK
            with suppress(ForeignDatabase):
                self._refuse("the operation uses a sqlite3 connection")
            return sqlite3.SQLITE_DENY

        with suppress(sqlite3.Error):
            connection.set_authorizer(authorize)
            self._files.append(connection)

    def file_opens(self, database: object) -> None:
        """A file is about to be opened, in whatever way."""
        ours = destination(self.gatekeeper, "sqlite", (database,), {}) is not None
        judging = JUDGES.get() is not None and not called_by_others("sqlite3")
        if judging and not ours:
            error = ForeignDatabase(
                f"an invariant opens {str(database)!r}, a database that acidity did not create; nothing was opened."
            )
            self.gatekeeper.refuse(error)
            raise error
        self._opening.elsewhere = not (ours or self.armed or OWN.get() or called_by_others("sqlite3"))

    def file_opened(self, connection: sqlite3.Connection) -> None:
        """It was opened; between two runs the program may open what it likes, and no run may use it."""
        if getattr(self._opening, "elsewhere", False):
            self._hold_back(connection)

    # SQLAlchemy

    def _on_execute(self, connection: Connection, *_: Any) -> None:
        if self._is_used():
            self._require_ours(connection)

    def _on_commit(self, connection: Connection, *_: Any) -> None:
        if self._is_used():
            self._require_ours(connection)

    def _require_ours(self, connection: Connection) -> None:
        if id(pooled_connection_of(connection).dbapi_connection) in self._pooled:
            where = connection.engine.url.render_as_string()
            self._refuse(f"the operation uses a SQLAlchemy connection to {where}")


class _Alive:
    """What is open in this process.

    Attributes:
        files: connections of sqlite3.
        pooled: driver connections that SQLAlchemy holds.
        handled: connections of psycopg, each with a handle of libpq's.
        unstoppable: those that nobody can hold back, in words.
    """

    def __init__(self) -> None:
        self.files: list[sqlite3.Connection] = []
        self.pooled: list[Any] = []
        self.handled: list[Any] = []
        self.unstoppable: list[str] = []


def _alive() -> _Alive:
    """Look through every object of the process, some three milliseconds for each hundred thousand.

    Objects that a program has hidden with ``gc.freeze()`` are not seen.
    """
    psycopg, psycopg2 = sys.modules.get("psycopg"), sys.modules.get("psycopg2.extensions")
    raw = psycopg.pq.PGconn if psycopg is not None else ()
    of_psycopg2 = psycopg2.connection if psycopg2 is not None else ()
    holders = (psycopg.Connection, psycopg.AsyncConnection) if psycopg is not None else ()
    wanted = (sqlite3.Connection, sqlite3.Blob, ConnectionPoolEntry, raw, of_psycopg2, holders)
    kinds = frozenset(_with_subclasses(wanted))
    there = gc.get_objects()
    kept = list(compress(there, map(kinds.__contains__, map(type, there))))
    alive, idle = _Alive(), set()
    for each in kept:
        if isinstance(each, sqlite3.Connection):
            alive.files.append(each)
        elif isinstance(each, ConnectionPoolEntry) and each.dbapi_connection is not None:
            alive.pooled.append(each.dbapi_connection)
            idle.add(id(each.dbapi_connection) if not each.in_use else 0)
    alive.handled = [each for each in kept if holders and isinstance(each, holders)]
    held = {id(each.pgconn) for each in alive.handled}
    for each in kept:
        if isinstance(each, sqlite3.Blob):
            if not _is_open(each):
                continue
            alive.unstoppable.append("a blob of sqlite3")  # it writes without a statement
        elif raw and isinstance(each, raw) and id(each) not in held and each.status == _OPEN:
            alive.unstoppable.append(_called(each))
        elif of_psycopg2 and isinstance(each, of_psycopg2) and id(each) not in idle and each.closed == _OPEN:
            if each.info.dbname is None:  # it never was open
                continue
            where = f"{each.info.host}:{each.info.port}/{each.info.dbname}"
            alive.unstoppable.append(f"a psycopg2 connection to {where}")
    return alive


def _is_open(blob: sqlite3.Blob) -> bool:
    """Whether it can be used in this thread."""
    try:
        return len(blob) >= 0
    except sqlite3.ProgrammingError:
        return False


def _called(pgconn: Any) -> str:
    """A connection of libpq, in words."""
    host, port, database = ((part or b"").decode(errors="replace") for part in (pgconn.host, pgconn.port, pgconn.db))
    return f"a PGconn to {host}:{port}/{database}"


def _with_subclasses(kinds: Any) -> Iterator[type]:
    """These classes, nested in tuples, and every class below them."""
    for kind in kinds if isinstance(kinds, tuple) else ():
        yield from _with_subclasses(kind)
    if isinstance(kinds, type):
        yield kinds
        below: type
        for below in type.__subclasses__(kinds):
            yield from _with_subclasses(below)


_installed: list[BeforehandAdapter] = []


def _heard(happening: str, arguments: tuple[Any, ...]) -> None:
    for adapter in _installed[-1:]:  # the innermost, should a check run inside another
        if happening == "sqlite3.connect":
            adapter.file_opens(arguments[0])
        else:
            adapter.file_opened(arguments[0])
