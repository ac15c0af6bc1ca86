"""The `Engine` of SQLite: where a Sandbox comes from, and what `acidity doctor` says of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from acidity.core.report import EngineInfo
from acidity.engines.sqlite.sandbox import SqliteSandbox
from acidity.errors import UsageError

DRIVERS = ("", "pysqlite", "aiosqlite")
SETTINGS = (
    "auto_vacuum",
    "busy_timeout",
    "cache_size",
    "defer_foreign_keys",
    "foreign_keys",
    "ignore_check_constraints",
    "journal_mode",
    "locking_mode",
    "page_size",
    "read_uncommitted",
    "recursive_triggers",
    "synchronous",
    "temp_store",
    "wal_autocheckpoint",
)


class SqliteEngine:
    """SQLite as the standard library brings it; nothing to start."""

    name = "sqlite"
    levels: tuple[str, ...] = ()  # a transaction is SERIALIZABLE; when one begins is the driver's business
    accepts = ("READ UNCOMMITTED", "SERIALIZABLE", "AUTOCOMMIT")

    def sandbox(self, settings: Mapping[str, str], driver: str = "", url: str = "") -> SqliteSandbox:
        """A new, empty Sandbox with these PRAGMAs.

        Raises:
            UsageError: a setting is not a PRAGMA that acidity knows, or its value is not a word or number.
        """
        if url:
            raise UsageError(f"{url} may hold rows that are not acidity's; say sqlite, and a throw-away file is made")
        if driver not in DRIVERS:
            raise UsageError(f"sqlite+{driver}: not a known driver; there are: {', '.join(filter(None, DRIVERS))}")
        for name, value in settings.items():
            if name.lower() not in SETTINGS:
                raise UsageError(f"setting {name!r} is not known for sqlite; it is one of: {', '.join(SETTINGS)}")
            if not str(value).lstrip("-").isalnum():
                raise UsageError(f"setting {name}={value!r} is not a word or a number")
        return SqliteSandbox({name.lower(): str(value) for name, value in settings.items()})

    def doctor(self) -> EngineInfo:
        """Version and defaults, read from a fresh database through the standard driver."""
        sandbox = self.sandbox({})
        try:
            connection = sqlite3.connect(sandbox.path)
            try:
                facts = {
                    pragma: str(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
                    for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                }
                connection.execute("SELECT 1").fetchone()
                begins = connection.in_transaction
            finally:
                connection.close()
        finally:
            sandbox.close()
        facts["synchronous"] = ("OFF", "NORMAL", "FULL", "EXTRA")[int(facts["synchronous"])]
        level = "SERIALIZABLE inside a transaction"
        if not begins:
            level += (
                "; by default the driver opens one only before INSERT, UPDATE, DELETE and REPLACE, never before SELECT"
            )
        return EngineInfo(
            "sqlite", sqlite3.sqlite_version, "sqlite3 (standard library)", {"isolation level": level} | facts
        )


ENGINE = SqliteEngine()
