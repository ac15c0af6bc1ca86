"""Somebody commits a change to what the transaction has seen, and the engine refuses to go on (40001, 1020)."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.bait import table
from acidity.prove.faults.base import FaultContext, SimpleFault, hosted


def _strike_postgresql(pending: PendingCall, context: FaultContext) -> None:
    """A second session changes a row and commits; a transaction whose snapshot is older may not change it too."""
    change = f"UPDATE {table(hosted(context), 'bait')} SET n = n + 1 WHERE id = 2"
    other = context.sandbox.connect_beside()
    other.execute(change)
    context.wire(pending).send(change)
    pending.perform()
    context.missed = "READ COMMITTED, or no snapshot yet: the engine never raises it here"


def _strike_mariadb(pending: PendingCall, context: FaultContext) -> None:
    """The same with ``innodb_snapshot_isolation``; without it MariaDB loses the update and says nothing."""
    change = f"UPDATE {table(hosted(context), 'bait')} SET n = n + 1 WHERE id = 2"
    other = context.sandbox.connect_beside()
    with other.cursor() as cursor:
        cursor.execute(change)
    context.wire(pending).send(change)
    pending.perform()
    context.missed = "innodb_snapshot_isolation is off, or no snapshot yet: the engine never raises it here"


FAULT = SimpleFault(
    name="serialization",
    sentence="somebody commits a conflicting change before {call}",
    kinds=frozenset({Kind.STATEMENT}),
    ways={
        "sqlite": "SQLite has one writer; see busy-snapshot",
        "postgresql": _strike_postgresql,
        "mariadb": _strike_mariadb,
    },
    persistent=True,
    writes_only=True,
    reason="only a write conflicts",
)
