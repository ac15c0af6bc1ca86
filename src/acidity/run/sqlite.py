"""SQLite: transactions that are transactions, for one unit on any engine or for every transaction of a configured one.

Python's driver begins a transaction only before a write, so reads stand outside of it, SAVEPOINT becomes the
transaction and its RELEASE a COMMIT (docs.python.org/3/library/sqlite3.html, "Transaction control"). A transaction that
reads first and writes later may be refused at once with SQLITE_BUSY_SNAPSHOT, whatever the busy time-out is
(sqlite.org/lang_transaction.html); BEGIN IMMEDIATE waits for its turn before any work is done.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, Literal

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from acidity.errors import UsageError
from acidity.run.target import refuse_skipped_rollback, root

BEGIN_KIND = "acidity_begin"  # the execution option by which a unit says how its transaction begins
LEGACY = -1  # sqlite3.LEGACY_TRANSACTION_CONTROL, the default of every Python so far
_configured: weakref.WeakSet[Engine] = weakref.WeakSet()


def configure_sqlite(
    engine: Any,
    *,
    begin: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE",
    busy_timeout_s: float = 5.0,
) -> None:
    """Make every transaction of this SQLite engine a real and durable one; call it right after ``create_engine``.

    Real BEGINs (IMMEDIATE, so that a writer waits for its turn before it reads), foreign keys, a busy time-out, and the
    write-ahead log with ``synchronous=FULL``: with NORMAL the last commits may be gone after a power loss
    (sqlite.org/pragma.html#pragma_synchronous).

    Args:
        engine: an `Engine` or `AsyncEngine` of SQLite.
        begin: how transactions outside of `atomic` begin; those of ``atomic(read_only=True)`` are always DEFERRED.
        busy_timeout_s: how long to wait for another writer.

    Raises:
        UsageError: the engine is not SQLite's, is configured already, or has an option that would silently undo this:
            AUTOCOMMIT, ``autocommit=``, ``skip_autocommit_rollback``.

    Example:
        >>> from sqlalchemy import create_engine
        >>> configure_sqlite(create_engine("sqlite://"))
    """
    plain: Engine = root(getattr(engine, "sync_engine", engine))
    if plain.dialect.name != "sqlite":
        raise UsageError(f"configure_sqlite() is for SQLite; this engine speaks {plain.dialect.name}")
    if plain in _configured:
        raise UsageError("this engine is configured already")
    refuse_options(plain)

    pragmas = (
        "foreign_keys = ON",
        f"busy_timeout = {round(busy_timeout_s * 1000)}",
        "journal_mode = WAL",  # a database in memory keeps its own
        "synchronous = FULL",
    )

    def on_connect(dbapi_connection: Any, _record: Any) -> None:
        try:
            _prepare(dbapi_connection, pragmas)
        except BaseException:  # SQLAlchemy forgets it without closing it, and with it a lock that it may hold
            dbapi_connection.close()
            raise

    def on_begin(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":  # an engine may be redirected to a server for a while
            kind = connection.get_execution_options().get(BEGIN_KIND, begin)
            connection.exec_driver_sql(f"BEGIN {kind}")

    event.listen(plain, "connect", on_connect)
    event.listen(plain, "begin", on_begin)
    _configured.add(plain)


def _prepare(dbapi_connection: Any, pragmas: Iterable[str]) -> None:
    refuse_driver_autocommit(dbapi_connection)
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def refuse_options(engine: Engine) -> None:
    """Refuse an engine on which BEGIN or ROLLBACK would not be what they say.

    Raises:
        UsageError: see `configure_sqlite`.
    """
    level = engine.get_execution_options().get("isolation_level") or engine.dialect._on_connect_isolation_level
    if level == "AUTOCOMMIT":
        raise UsageError("isolation_level='AUTOCOMMIT': every statement would be committed, or rolled back, by itself")
    refuse_skipped_rollback(engine.dialect)


def refuse_driver_autocommit(dbapi_connection: Any) -> None:
    """Refuse ``connect_args={"autocommit": …}``.

    Raises:
        UsageError: with True, the driver's commit and rollback do nothing; with False, it begins for itself, DEFERRED,
            and ignores PRAGMA foreign_keys.
    """
    mode = getattr(dbapi_connection, "autocommit", LEGACY)
    if mode is LEGACY:  # aiosqlite keeps the driver's connection
        driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
        mode = getattr(getattr(driver, "_conn", driver), "autocommit", LEGACY)
    if mode != LEGACY:
        raise UsageError(f"autocommit={mode} of the sqlite3 driver: leave it out; BEGIN is sent for every transaction")


def begin_on(connection: Connection, kind: str) -> None:
    """Begin for real; in the driver's legacy mode too: it begins nothing of its own in a transaction that is open.

    Raises:
        UsageError: an option of the engine would undo it.
    """
    refuse_options(connection.engine)
    connection.exec_driver_sql(f"BEGIN {kind}")
