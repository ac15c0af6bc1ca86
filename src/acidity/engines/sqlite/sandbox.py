"""The `Sandbox` of SQLite: a file of acidity's own, reset by putting a copy of the seeded file in its place."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from acidity.core.call import History
from acidity.core.outcome import State, Violation
from acidity.core.report import EngineInfo
from acidity.engines.base import Look
from acidity.engines.directory import OwnDirectory
from acidity.engines.sqlite.bypass import Watch, file_in, file_of, points_at
from acidity.engines.sqlite.rows import (
    RowReader,
    broken_constraints,
    declared_constraints,
    deferred_foreign_keys,
    quoted,
)

_COMPANIONS = ("-journal", "-wal", "-shm")
_IN_FILE = ("page_size", "auto_vacuum")  # fixed when the first page is written
_OF_THE_FILE = {"wal", "delete"}  # journal modes that need no repeating; the others last as long as a connection


class SqliteSandbox:
    """A throw-away SQLite file with exactly the user's PRAGMAs and defaults.

    Args:
        settings: PRAGMA → value, applied to the file or to every connection.
    """

    engine_name = "sqlite"

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.name = ""
        self._settings = dict(settings)
        self._directory = OwnDirectory()
        self.path = self._directory.path / "sandbox.db"
        self._before = self._directory.path / "before.db"
        self._spare = self._directory.path / "spare.db"
        self._reader = RowReader()
        self._watch = Watch(self.path)
        self._beside: list[sqlite3.Connection] = []
        self._traits: dict[str, Any] = {}
        self._constraints = 0
        self._write = "PRAGMA user_version = 1"

    # Life

    def url(self, *, asynchronous: bool = False) -> str:
        """``sqlite:///…`` or ``sqlite+aiosqlite:///…``."""
        return f"sqlite{'+aiosqlite' if asynchronous else ''}:///{self.path}"

    def dsn(self, *, asynchronous: bool = False) -> str:
        """The path."""
        del asynchronous
        return str(self.path)

    def driver(self, *, asynchronous: bool = False) -> str:
        """The standard library's, or aiosqlite."""
        return "aiosqlite" if asynchronous else "sqlite3"

    def before_url(self) -> str:
        """A read-only URL of the rows before."""
        return f"sqlite:///file:{self._before}?mode=ro&immutable=1&uri=true"

    def create(self, schema: Callable[[Any], None], setup: Callable[[Any], Any] | None) -> State:
        """Make the tables and the rows before."""
        with self._own_connection(self.path) as connection:
            for name in _IN_FILE:
                if name in self._settings:
                    connection.execute(f"PRAGMA {name} = {self._settings[name]}")
                    connection.execute("VACUUM")
            if "journal_mode" in self._settings:
                connection.execute(f"PRAGMA journal_mode = {self._settings['journal_mode']}")
        engine = create_engine(self.url(), poolclass=NullPool)
        try:
            schema(engine)
            if setup is not None:
                with Session(engine) as session:
                    setup(session)
                    session.commit()
        finally:
            engine.dispose()
        with self._own_connection(self.path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._constraints = declared_constraints(connection)
            self._traits = self._read_traits(connection)
            state = self._reader.read(connection)
        first = min((name for name in state.tables if name != "sqlite_schema"), default=None)
        if first is not None:
            self._write = f"DELETE FROM {quoted(first)} WHERE 0"
        shutil.copyfile(self.path, self._before)
        return state

    def reset(self) -> None:
        """Put a copy of the seeded file in place; a connection that somebody still holds keeps the old file."""
        for connection in self._beside:
            connection.close()
        self._beside.clear()
        for suffix in _COMPANIONS:
            with suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").unlink()
        shutil.copyfile(self._before, self._spare)
        self._spare.replace(self.path)

    def close(self) -> None:
        """Remove the directory."""
        for connection in self._beside:
            connection.close()
        self._beside.clear()
        self._directory.remove()

    # Looking

    def look(self) -> Look:
        """Read every table over a connection of its own."""
        try:
            with self._own_connection(self.path) as connection:
                self._traits["journal_mode"] = _journal_mode(connection)  # the user's own connect hook may have set it
                return Look(self._reader.read(connection))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        with self._own_connection(f"file:{self.path}?mode=ro&immutable=1", uri=True) as connection:
            return Look(self._reader.read(connection), locked_out=True)

    def violations(self) -> tuple[Violation, ...]:
        """Foreign keys, unique, not null and check, looked at anew."""
        with self._own_connection(self.path) as connection:
            return broken_constraints(connection)

    def constraints(self) -> int:
        """How many constraints the schema declares."""
        return self._constraints

    def info(self) -> EngineInfo:
        """SQLite's version and the PRAGMAs of this check."""
        settings = {"journal_mode": str(self._traits.get("journal_mode", "delete"))} | self._settings
        return EngineInfo("sqlite", sqlite3.sqlite_version, "", dict(sorted(settings.items())))

    def traits(self) -> Mapping[str, Any]:
        """``journal_mode``, and the tables with a deferred foreign key."""
        return self._traits

    def _read_traits(self, connection: sqlite3.Connection) -> dict[str, Any]:
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return {
            "journal_mode": _journal_mode(connection),
            "deferred": tuple(name for name, sql in tables if deferred_foreign_keys(sql or "")),
            "tables": tuple(name for name, _ in tables if not name.startswith("sqlite_")),
        }

    @contextmanager
    def _own_connection(self, database: object, *, uri: bool = False) -> Iterator[sqlite3.Connection]:
        with self._watch.window():
            connection = sqlite3.connect(str(database), timeout=0, isolation_level=None, uri=uri)
        try:
            yield connection
        finally:
            connection.close()

    def connect_beside(self) -> sqlite3.Connection:
        """A second connection that waits for no lock."""
        with self._watch.window():
            connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        self._beside.append(connection)
        return connection

    def remember(self, history: History) -> None:
        """SQLite prepares no transactions."""
        del history

    def in_doubt(self) -> tuple[str, ...]:
        """So none is in doubt."""
        return ()

    def harmless_write(self) -> str:
        """A DELETE that matches no row: it takes the write lock, and its COMMIT commits whatever was left open."""
        return self._write

    # For adapters

    def connect(self, dialect: Any, cparams: dict[str, Any]) -> Any:
        """A connection of the dialect to this file, with the engine's own arguments."""
        arguments = {name: value for name, value in cparams.items() if name not in {"uri", "check_same_thread"}}
        with self._watch.connecting():
            return dialect.connect(str(self.path), check_same_thread=False, **arguments)

    def configure(self, dbapi_connection: Any) -> None:
        """Apply PRAGMAs that live in a connection, and watch its statements."""
        pragmas = [
            f"PRAGMA {name} = {value}"
            for name, value in self._settings.items()
            if name not in _IN_FILE and not (name == "journal_mode" and value.lower() in _OF_THE_FILE)
        ]

        def prepare(connection: sqlite3.Connection) -> None:
            for pragma in pragmas:
                connection.execute(pragma).fetchall()
            connection.set_trace_callback(partial(self._watch.traced, id(connection)))

        with self._watch.window():
            self.on_driver(dbapi_connection, prepare)

    def claim(self, dbapi_connection: Any) -> bool:
        """A Connection of SQLAlchemy uses this one; whether it was opened past ``do_connect`` (``creator=``)."""
        with suppress(AttributeError, ValueError):
            return self._watch.claim(_native(dbapi_connection))
        return False

    def in_use(self, dbapi_connection: Any, *, in_use: bool) -> None:
        """From now on (or no more), a statement on this connection has to pass the seam."""
        with suppress(AttributeError, ValueError):
            self._watch.in_use(_native(dbapi_connection), in_use=in_use)

    def open(self, dialect: Any, cargs: Any, cparams: Any) -> Any:
        """A connection with exactly these arguments."""
        with self._watch.connecting():
            return dialect.connect(*cargs, **cparams)

    def is_target(self, dialect_name: str, cargs: Any, cparams: Any) -> bool:
        """Whether an engine with these arguments opens this file."""
        del cparams
        return dialect_name == "sqlite" and bool(cargs) and points_at(cargs[0], self.path)

    def leads_to(self, sql: str) -> str:
        """The file that an ATTACH or a VACUUM INTO would open."""
        named = file_in(sql)
        return "" if named is None or points_at(named, self.path) or not file_of(named) else named

    def describe_target(self, dialect_name: str, cargs: Any, cparams: Any) -> str:
        """The file, or the server without its password."""
        if dialect_name == "sqlite":
            return f"sqlite:///{file_of(cargs[0] if cargs else '') or ':memory:'}"
        return f"{dialect_name}://{cparams.get('host', '')}/{cparams.get('dbname') or cparams.get('database') or ''}"

    def serves(self, dialect_name: str) -> bool:
        """SQLite's dialect."""
        return dialect_name == "sqlite"

    def in_memory(self, url: Any) -> bool:
        """Whether the URL names a database in memory."""
        database = make_url(url).database
        return not database or not file_of(database)

    def on_driver(self, dbapi_connection: Any, action: Callable[[Any], Any]) -> Any:
        """Run `action` with the `sqlite3.Connection`; aiosqlite's lives in a thread of its own."""
        if isinstance(dbapi_connection, sqlite3.Connection):
            return action(dbapi_connection)
        from sqlalchemy.util import await_only

        driver = dbapi_connection.driver_connection
        return await_only(driver._execute(action, driver._conn))

    def drain(self, dbapi_connection: Any) -> None:
        """Aiosqlite's thread goes on with a statement whose task was cancelled; let it come to its end."""
        if not isinstance(dbapi_connection, sqlite3.Connection):
            with suppress(ValueError):
                self.on_driver(dbapi_connection, lambda _: None)

    def settle(self, opened: Iterable[Any]) -> None:
        """Aiosqlite closes in its thread; wait for the end of that."""
        for dbapi_connection in opened:
            driver = getattr(dbapi_connection, "driver_connection", None)
            if driver is not None and not driver._running:
                getattr(driver, "_thread", driver).join(timeout=10)  # it was a thread itself once

    def commits_by_itself(self, dbapi_connection: Any) -> bool:
        """``isolation_level=None``, or ``autocommit=True`` from Python 3.12 on."""
        with suppress(sqlite3.ProgrammingError, ValueError, AttributeError):
            native = _native(dbapi_connection)
            mode = getattr(native, "autocommit", None)
            return mode if isinstance(mode, bool) else native.isolation_level is None
        return False

    def in_transaction(self, dbapi_connection: Any) -> bool | None:
        """What the driver says; None when it is closed."""
        try:
            return bool(_native(dbapi_connection).in_transaction)
        except (sqlite3.ProgrammingError, ValueError, AttributeError):
            return None

    def send(self, dbapi_connection: Any, sql: str) -> None:
        """Send a statement on the driver's connection."""
        self.on_driver(dbapi_connection, lambda connection: connection.execute(sql).fetchall())

    def through_proxy(self) -> AbstractContextManager[None]:
        """A file has no wire."""
        return nullcontext()

    def detour(self) -> None:
        """So there is no proxy."""

    def unseen(self) -> AbstractContextManager[None]:
        """What happens in this context is acidity's or the pool's own."""
        return self._watch.window()

    def watch(self, refuse: Callable[[str], None]) -> AbstractContextManager[list[str]]:
        """Notice what bypasses the seam."""
        return self._watch.running(refuse)

    @contextmanager
    def impatient(self, dbapi_connection: Any) -> Iterator[None]:
        """``busy_timeout`` 0 while the context lasts."""

        def set_timeout(milliseconds: int) -> Callable[[sqlite3.Connection], int]:
            def apply(connection: sqlite3.Connection) -> int:
                old = int(connection.execute("PRAGMA busy_timeout").fetchone()[0])
                connection.execute(f"PRAGMA busy_timeout = {milliseconds}").fetchall()
                return old

            return apply

        old = self.on_driver(dbapi_connection, set_timeout(0))
        try:
            yield
        finally:
            with suppress(sqlite3.Error, ValueError):
                self.on_driver(dbapi_connection, set_timeout(old))


def _journal_mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0]).lower()


def _native(dbapi_connection: Any) -> Any:
    """The `sqlite3.Connection` behind what SQLAlchemy calls the connection."""
    if isinstance(dbapi_connection, sqlite3.Connection):
        return dbapi_connection
    return dbapi_connection.driver_connection._conn
