"""`Access` to a SQLite file: connect arguments are compared with its path, and its connections are watched."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from acidity.engines.own_calls import own_calls
from acidity.engines.sqlite.bypass import file_of, files_in, points_at
from acidity.engines.sqlite.facts import SqliteFacts, native_of

IN_FILE = ("page_size", "auto_vacuum")  # fixed when the first page is written
_OF_THE_FILE = {"wal", "delete"}  # journal modes that need no repeating; the others last as long as a connection


class SqliteAccess(SqliteFacts):
    """See `Access` for what the methods promise."""

    keeps_sessions = False
    looks_for_cycles_s = 0.0
    peculiar = ""
    path: Path
    _settings: dict[str, str]

    def connect(self, dialect: Any, cparams: dict[str, Any]) -> Any:
        """A connection of the dialect to this file, with the engine's own arguments."""
        arguments = {name: value for name, value in cparams.items() if name not in {"uri", "check_same_thread"}}
        with own_calls():
            return dialect.connect(str(self.path), check_same_thread=False, **arguments)

    def dialling(self) -> AbstractContextManager[None]:
        """A file counts no connections."""
        return nullcontext()

    def configure(self, dbapi_connection: Any) -> None:
        """Apply PRAGMAs that live in a connection, and watch its statements."""
        pragmas = [
            f"PRAGMA {name} = {value}"
            for name, value in self._settings.items()
            if name not in IN_FILE and not (name == "journal_mode" and value.lower() in _OF_THE_FILE)
        ]

        def prepare(connection: sqlite3.Connection) -> None:
            for pragma in pragmas:
                connection.execute(pragma).fetchall()
            connection.set_trace_callback(partial(self._watch.traced, id(connection)))

        with own_calls():
            try:
                self.on_driver(dbapi_connection, prepare)
            except BaseException:  # nobody gets it, so nobody else closes it, and it may hold a lock
                dbapi_connection.close()
                raise

    def claim(self, dbapi_connection: Any) -> bool:
        """A Connection of SQLAlchemy uses this one; whether it was opened past ``do_connect`` (``creator=``)."""
        with suppress(AttributeError, ValueError):
            return self._watch.claim(native_of(dbapi_connection))
        return False

    def in_use(self, dbapi_connection: Any, *, in_use: bool) -> None:
        """From now on (or no more), a statement on this connection has to pass the seam."""
        with suppress(AttributeError, ValueError):
            self._watch.in_use(native_of(dbapi_connection), in_use=in_use)

    def open(self, dialect: Any, cargs: Any, cparams: Any) -> Any:
        """A connection with exactly these arguments."""
        with own_calls():
            return dialect.connect(*cargs, **cparams)

    def keep(self, opened: Iterable[Any]) -> None:
        """A file is opened in no time."""
        del opened

    def lending(self, may: Callable[[], bool]) -> AbstractContextManager[None]:
        """Nothing is kept."""
        del may
        return nullcontext()

    def is_target(self, dialect_name: str, cargs: Any, cparams: Any) -> bool:
        """Whether an engine with these arguments opens this file."""
        del cparams
        ours = dialect_name == "sqlite" and bool(cargs) and points_at(cargs[0], self.path)
        if ours and "cache=shared" in str(cargs[0]).lower():
            self.peculiar = "connections share a cache, and lock tables in it"
        return ours

    def leads_to(self, sql: str) -> str:
        """The file that an ATTACH or a VACUUM INTO would open."""
        outside = (named for named in files_in(sql) if file_of(named) and not points_at(named, self.path))
        return next(outside, "")

    def describe_target(self, dialect_name: str, cargs: Any, cparams: Any) -> str:
        """The file, or the server without its password."""
        if dialect_name == "sqlite":
            return f"sqlite:///{file_of(cargs[0] if cargs else '') or ':memory:'}"
        return f"{dialect_name}://{cparams.get('host', '')}/{cparams.get('dbname') or cparams.get('database') or ''}"

    def serves(self, dialect_name: str) -> bool:
        """Whether this is the dialect of SQLite."""
        return dialect_name == "sqlite"

    def in_memory(self, url: Any) -> bool:
        """Whether the URL names a database in memory."""
        database = make_url(url).database
        return not database or not file_of(database)

    def passing_locks(self) -> AbstractContextManager[None]:
        """Who reads a file is kept out by no table."""
        return nullcontext()

    def locked(self) -> frozenset[str]:
        """No table keeps anybody out."""
        return frozenset()

    def through_proxy(self) -> AbstractContextManager[None]:
        """A file has no wire."""
        return nullcontext()

    def detour(self) -> None:
        """Nothing: there is no proxy in front of a file."""

    def watch(self, refuse: Callable[[str], None]) -> AbstractContextManager[list[str]]:
        """Notice what bypasses the seam."""
        return self._watch.running(refuse)
