"""The disk is full: the file may not grow by a page (``PRAGMA max_page_count``).

A statement that needs no new page would still succeed; SQLITE_FULL is then raised in its place, and the transaction is
rolled back as SQLite does on that error (sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction).
"""

from __future__ import annotations

import sqlite3

from acidity.adapters.seam import Passage
from acidity.core.call import Kind
from acidity.prove.faults.base import Lab, SimpleFault, driver_error


def _fill(connection: sqlite3.Connection) -> int:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    old = int(connection.execute("PRAGMA max_page_count").fetchone()[0])
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    return old


def _strike(passage: Passage, lab: Lab) -> None:
    wire = lab.wire(passage)
    old = wire.on_driver(_fill)
    try:
        passage.perform()
    finally:
        wire.on_driver(lambda connection: connection.execute(f"PRAGMA max_page_count = {old}").fetchall())
    lab.mode = "simulated"
    wire.rollback()
    raise driver_error(wire, "OperationalError", "database or disk is full", 13, "SQLITE_FULL")


FAULT = SimpleFault(
    name="disk-full",
    sentence="the disk is full at {call}",
    kinds=frozenset({Kind.STATEMENT}),
    ways={"sqlite": _strike},
    persistent=True,
    writes_only=True,
    reason="only a statement needs a new page",
)
