"""Another connection holds a lock, and the wait for it times out: SQLITE_BUSY, 55P03, 1205."""

from __future__ import annotations

import sqlite3
from typing import Any

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.bait import WAIT_MS_MAX, advisory_key, hold, table
from acidity.prove.faults.base import Lab, NotApplicable, SimpleFault, hosted, one_transaction


def _strike_sqlite(pending: PendingCall, lab: Lab) -> None:
    wire = lab.wire(pending)
    other = lab.kept.get("writer")
    if other is None:
        other = lab.sandbox.connect_beside()
        try:
            other.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            raise NotApplicable("the operation holds the lock itself by then") from None
        lab.kept["writer"] = other
    with wire.impatient():
        pending.perform()
    lab.missed = "the Call needed no lock"


def _strike_postgresql(pending: PendingCall, lab: Lab) -> None:
    """The transaction waits for an advisory lock that a second session holds; PostgreSQL aborts it with 55P03."""
    wire, other, key = lab.wire(pending), _holder(lab), advisory_key(hosted(lab).database, 0)
    other.execute(f"SET lock_timeout = {WAIT_MS_MAX}")
    hold(lambda: other.execute(f"SELECT pg_advisory_lock({key})"))
    with one_transaction(wire, hosted(lab)):
        wire.send("SET LOCAL lock_timeout = '1ms'")
        wire.send(f"SELECT pg_advisory_xact_lock({key})")
    lab.missed = "the lock was free"


def _strike_mariadb(pending: PendingCall, lab: Lab) -> None:
    """The transaction waits for a row that a second session holds; MariaDB undoes the statement only (1205)."""
    wire, other = lab.wire(pending), _holder(lab)
    take = f"SELECT n FROM {table(hosted(lab), 'bait')} WHERE id = 1 FOR UPDATE"
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        hold(lambda: cursor.execute(take))
    wire.send(f"SET STATEMENT innodb_lock_wait_timeout = 0 FOR {take}")  # a time-out of the program's own stays
    lab.missed = "the lock was free"


def _holder(lab: Lab) -> Any:
    if "writer" not in lab.kept:
        lab.kept["writer"] = lab.sandbox.connect_beside()
    return lab.kept["writer"]


FAULT = SimpleFault(
    name="busy",
    sentence="{call} waits for another writer's lock until the time-out",
    kinds=frozenset({Kind.STATEMENT, Kind.BEGIN}),
    ways={"sqlite": _strike_sqlite, "postgresql": _strike_postgresql, "mariadb": _strike_mariadb},
    persistent=True,
    reason="only a statement or a BEGIN takes a lock; a COMMIT that finds one is commit-left-open",
)
