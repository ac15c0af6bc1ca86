"""The `Sandbox` of SQLite: a file of acidity's own, reset by putting a copy of the seeded file in its place."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from acidity.core.call import History
from acidity.core.outcome import State, Violation
from acidity.core.report import EngineInfo
from acidity.engines.directory import OwnDirectory
from acidity.engines.own_calls import own_calls
from acidity.engines.sandbox import Look
from acidity.engines.sqlite.access import IN_FILE, SqliteAccess
from acidity.engines.sqlite.bypass import Watch, file_of, files_in
from acidity.engines.sqlite.original import Original
from acidity.engines.sqlite.pragmas import require_taken
from acidity.engines.sqlite.rows import (
    RowReader,
    broken_constraints,
    declared_constraints,
    deferred_foreign_keys,
    quoted,
)

_STEPS = 10_000  # of the virtual machine, between two looks at the clock


class SqliteSandbox(SqliteAccess):
    """A throw-away SQLite file with exactly the user's PRAGMAs and defaults.

    Args:
        settings: PRAGMA → value, applied to the file or to every connection.
    """

    engine_name = "sqlite"
    exact = True  # it is the same file
    lasting = False

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.name = ""
        self.used: dict[str, None] = {}
        self._settings = dict(settings)
        self._directory = OwnDirectory()
        self.path = self._directory.path / "sandbox.db"
        self._before = self._directory.path / "before.db"
        self._reader = RowReader()
        self._watch = Watch(self.path)
        self._in_memory = False
        self._beside: list[sqlite3.Connection] = []
        self._looking = None
        self._traits: dict[str, Any] = {}
        self._constraints = 0
        self._write = ""

    # Life

    def url(self, *, asynchronous: bool = False) -> str:
        """``sqlite:///…`` or ``sqlite+aiosqlite:///…``."""
        return f"sqlite{'+aiosqlite' if asynchronous else ''}:///{self.path}"

    def dsn(self, *, asynchronous: bool = False) -> str:
        """The path of the file, as ``sqlite3.connect`` takes it."""
        del asynchronous
        return str(self.path)

    def driver(self, *, asynchronous: bool = False) -> str:
        """The standard library's, or aiosqlite."""
        return "aiosqlite" if asynchronous else "sqlite3"

    def before_url(self) -> str:
        """A read-only URL of the rows before."""
        return f"sqlite:///file:{self._before}?mode=ro&immutable=1&uri=true"

    def before_options(self) -> dict[str, Any]:
        """Nothing else is needed."""
        return {}

    def create(self, schema: Callable[[Any], None], setup: Callable[[Any], Any] | None) -> State:
        """Make the tables and the rows before."""
        if self._settings:
            with self._own_connection(self._directory.path / "trial.db") as connection:
                require_taken(connection, self._settings)
        with self._own_connection(self.path) as connection:
            for name in IN_FILE:
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
            self._reader.keep(connection)
            state = self._reader.read(connection)
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        first = min((name for name in state.tables if name != "sqlite_schema"), default=None)
        self._write = (
            f"DELETE FROM {quoted(first)} WHERE 0" if first is not None else f"PRAGMA user_version = {version}"
        )
        self._original = Original(self.path, self._before)
        return state

    def reset(self) -> None:
        """Put the seeded file back; a connection that somebody still holds keeps the old one."""
        for connection in self._beside:
            connection.close()
        self._beside.clear()
        self._in_memory = False
        self._let_go()
        self._original.put_back()

    def close(self) -> None:
        """Close the connections beside, and remove the directory with the file."""
        for connection in self._beside:
            connection.close()
        self._beside.clear()
        self._let_go()
        self._directory.remove()

    # Looking

    def keys_ahead(self, by: Mapping[str, int] | None) -> Mapping[str, int]:
        """What was taken back uses no key up here (sqlite.org/autoinc.html)."""
        del by
        return {}

    def look(self) -> Look:
        """Read every table over a connection of its own."""
        try:
            with self._looking_connection() as connection:
                self._traits["journal_mode"] = _journal_mode(connection)  # the user's own connect hook may have set it
                return Look(self._reader.read(connection), beyond=self._beyond())
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        with self._own_connection(f"file:{self.path}?mode=ro&immutable=1", uri=True) as connection:
            return Look(self._reader.read(connection), locked_out=True, beyond=self._beyond())

    def _beyond(self) -> tuple[str, ...]:
        seen = "a database in memory was attached: only the connection that did so sees its rows"
        return (seen,) if self._in_memory else ()

    def violations(self) -> tuple[Violation, ...]:
        """Foreign keys, unique, not null and check, looked at anew."""
        with self._own_connection(self.path) as connection:
            return broken_constraints(connection)

    def constraints(self) -> int:
        """How many constraints the schema declares."""
        return self._constraints

    def info(self) -> EngineInfo:
        """SQLite's version and the PRAGMAs of this check."""
        found = str(self._traits.get("journal_mode", "delete"))
        settings = {"journal_mode": found} | self._settings
        if "wal" in {found, settings["journal_mode"].lower()}:  # the file tells, whatever was asked for before
            settings["journal_mode"] = found
        return EngineInfo("sqlite", sqlite3.sqlite_version, "", dict(sorted(settings.items())))

    def traits(self) -> Mapping[str, Any]:
        """``journal_mode``, the tables with a deferred foreign key, and what is there before each run."""
        return self._traits

    def _read_traits(self, connection: sqlite3.Connection) -> dict[str, Any]:
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        made = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
        return {
            "journal_mode": _journal_mode(connection),
            "deferred": tuple(name for name, sql in tables if deferred_foreign_keys(sql or "")),
            "tables": tuple(name for name, _ in tables if not name.startswith("sqlite_")),
            "there": frozenset(
                {f"journal_mode {_journal_mode(connection)}", *(f"{kind} {name}".lower() for kind, name in made)}
            ),
        }

    @contextmanager
    def _own_connection(self, database: object, *, uri: bool = False) -> Iterator[sqlite3.Connection]:
        with own_calls():
            connection = sqlite3.Connection(str(database), timeout=0, isolation_level=None, uri=uri)
        try:
            yield connection
        finally:
            connection.close()

    def _looking_connection(self) -> AbstractContextManager[sqlite3.Connection]:
        """The one over which all was found at rest just now, or a new one."""
        found, self._looking = self._looking, None
        return self._own_connection(self.path) if found is None else closing(found)

    def impose(self, level: str) -> bool:
        """Every transaction is serializable; what a driver makes of a level is a matter of each engine."""
        del level
        return False

    def choose_victims(self) -> None:
        """Nobody waits, so nobody waits in a cycle."""

    def about_to_wait(self, dbapi_connection: Any) -> None:
        """Nor does this one."""

    def connect_beside(self, limit_s: float = 0) -> sqlite3.Connection:
        """A second connection that waits for no lock."""
        with own_calls():
            connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        if limit_s:
            _limit(connection, limit_s)
        self._beside.append(connection)
        return connection

    def left_out(self) -> tuple[str, ...]:
        """Everything in the file is compared."""
        return ()

    def remember(self, history: History) -> None:
        """Keep whether one of these Calls attached a database in memory, and what one sets beside rows."""
        for text in (event.call.sql.lower() for event in history if event.call.writes):
            self._reader.header |= "pragma" in text
            self._reader.sequences |= "sqlite_sequence" in text
        named = (each for event in history for each in files_in(event.call.sql))
        self._in_memory |= not all(map(file_of, named))

    def in_doubt(self) -> tuple[str, ...]:
        """So none is in doubt."""
        return ()

    def harmless_write(self) -> str:
        """A DELETE that matches no row, or a PRAGMA that sets what is set.

        It takes the write lock, and its COMMIT commits whatever was left open.
        """
        return self._write


def _journal_mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0]).lower()


def _limit(connection: sqlite3.Connection, limit_s: float) -> None:
    """Let each statement end after so many seconds."""
    began = [0.0]
    connection.set_trace_callback(lambda _: began.__setitem__(0, time.monotonic()))
    connection.set_progress_handler(lambda: time.monotonic() - began[0] > limit_s, _STEPS)
