"""Another connection holds a lock, and the wait for it times out: SQLITE_BUSY, 55P03, 1205."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.engines.hosted import HostedSandbox
from acidity.prove.faults.bait import WAIT_MS_MAX, advisory_key, hold, table
from acidity.prove.faults.base import FaultContext, NotApplicable, SimpleFault, hosted, one_transaction


def _strike_sqlite(pending: PendingCall, context: FaultContext) -> None:
    wire = context.wire(pending)
    other = context.kept.get("writer")
    if other is None:
        other = context.sandbox.connect_beside()
        try:
            other.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            raise NotApplicable("the operation holds the lock itself by then") from None
        context.kept["writer"] = other
    with wire.impatient():
        pending.perform()
    context.missed = "the Call needed no lock"


def _strike_postgresql(pending: PendingCall, context: FaultContext) -> None:
    """The transaction waits for an advisory lock that a second session holds; PostgreSQL aborts it with 55P03."""
    wire, other, key = context.wire(pending), _holder(context), advisory_key(hosted(context).database, 0)
    other.execute(f"SET lock_timeout = {WAIT_MS_MAX}")
    hold(lambda: other.execute(f"SELECT pg_advisory_lock({key})"))
    with one_transaction(wire, hosted(context)):
        wire.send("SET LOCAL lock_timeout = '1ms'")
        wire.send(f"SELECT pg_advisory_xact_lock({key})")
    context.missed = "the lock was free"


def _strike_mariadb(pending: PendingCall, context: FaultContext) -> None:
    """The transaction waits for a row that a second session holds; MariaDB undoes the statement only (1205)."""
    wire, other = context.wire(pending), _holder(context)
    take = f"SELECT n FROM {table(hosted(context), 'bait')} WHERE id = 1 FOR UPDATE"
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        hold(lambda: cursor.execute(take))
    wire.send(f"SET STATEMENT innodb_lock_wait_timeout = 0 FOR {take}")  # a time-out of the program's own stays
    context.missed = "the lock was free"


@dataclass(frozen=True, slots=True)
class _Holder:
    """A second session that holds the lock until this is closed."""

    sandbox: HostedSandbox
    session: Any

    def close(self) -> None:
        self.sandbox.leave_beside(self.session)


def _holder(context: FaultContext) -> Any:
    if "writer" not in context.kept:
        context.kept["writer"] = _Holder(hosted(context), hosted(context).connect_beside())
    return context.kept["writer"].session


FAULT = SimpleFault(
    name="busy",
    sentence="{call} waits for another writer's lock until the time-out",
    kinds=frozenset({Kind.STATEMENT, Kind.BEGIN}),
    ways={"sqlite": _strike_sqlite, "postgresql": _strike_postgresql, "mariadb": _strike_mariadb},
    persistent=True,
    reason="only a statement or a BEGIN takes a lock; a COMMIT that finds one is commit-left-open",
)
