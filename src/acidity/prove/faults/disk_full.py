"""The disk is full: no page can be added (SQLite), no temporary file (PostgreSQL), no row of a table (MariaDB).

On SQLite the file may not grow by a page (``PRAGMA max_page_count``). A statement that needs no new page would still
succeed; SQLITE_FULL is then raised in its place, and the transaction is
rolled back as SQLite does on that error (sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction).
"""

from __future__ import annotations

import sqlite3

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.bait import table
from acidity.prove.faults.base import FaultContext, SimpleFault, driver_error, hosted


def _fill(connection: sqlite3.Connection) -> int:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    old = int(connection.execute("PRAGMA max_page_count").fetchone()[0])
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    return old


def _strike_sqlite(pending: PendingCall, context: FaultContext) -> None:
    wire = context.wire(pending)
    old = wire.on_driver(_fill)
    try:
        pending.perform()
    finally:
        wire.on_driver(lambda connection: connection.execute(f"PRAGMA max_page_count = {old}").fetchall())
    if pending.call.autocommit:
        context.missed = "it needed no new page, and was committed by itself"
        return
    context.mode = "simulated"
    wire.rollback()
    raise driver_error(wire, "OperationalError", "database or disk is full", 13, "SQLITE_FULL")


def _strike_postgresql(pending: PendingCall, context: FaultContext) -> None:
    """A sort in the same transaction that outgrows ``temp_file_limit`` (53400)."""
    wire = context.wire(pending)
    wire.send(f"SELECT {table(hosted(context), 'fill()')}")
    context.mode = "simulated"
    raise driver_error(wire, "OperationalError", "could not extend file: No space left on device")


def _strike_mariadb(pending: PendingCall, context: FaultContext) -> None:
    """A MEMORY table that is full (1114)."""
    wire = context.wire(pending)
    full = table(hosted(context), "full")
    wire.send(f"INSERT INTO {full} SELECT REPEAT('x', 200) FROM information_schema.columns LIMIT 1000")
    context.mode = "simulated"
    raise wire.errors.OperationalError(1114, "The table is full")


FAULT = SimpleFault(
    name="disk-full",
    sentence="the disk is full at {call}",
    kinds=frozenset({Kind.STATEMENT}),
    ways={"sqlite": _strike_sqlite, "postgresql": _strike_postgresql, "mariadb": _strike_mariadb},
    persistent=True,
    writes_only=True,
    reason="only a statement needs a new page",
)
