"""Somebody commits a change to what the transaction has seen, and the engine refuses to go on (40001, 1020)."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Kind
from acidity.engines.hosted_facts import asked_of
from acidity.prove.faults.bait import table
from acidity.prove.faults.base import FaultContext, NotApplicable, SimpleFault, hosted, one_transaction


def _strike_postgresql(pending: PendingCall, context: FaultContext) -> None:
    """A second session changes a row and commits; a transaction whose snapshot is older may not change it too.

    Any statement may be too late, the first one, too: it has its snapshot before it has its rows.
    """
    wire, other = context.wire(pending), context.sandbox.connect_beside()
    bait = table(hosted(context), "bait")
    change = f"UPDATE {bait} SET n = n + 1 WHERE id = 2"
    with one_transaction(wire, hosted(context)):
        _require_level(wire, "REPEATABLE READ", "SERIALIZABLE")
        if not wire.sends(f"SELECT n FROM {bait} WHERE id = 1"):
            raise NotApplicable("the transaction takes no more statements")
        other.execute(change)
        wire.send(change)
    pending.perform()
    context.missed = "the engine saw no conflict"


def _strike_mariadb(pending: PendingCall, context: FaultContext) -> None:
    """The same with ``innodb_snapshot_isolation``; without it MariaDB loses the update and says nothing.

    Only a plain SELECT makes a snapshot. Where there was none, the transaction keeps the row that it could change, so
    the next strike takes another one.
    """
    wire, bait = context.wire(pending), table(hosted(context), "bait")
    if not asked_of(wire.connection, "SELECT @@innodb_snapshot_isolation"):
        raise NotApplicable("innodb_snapshot_isolation is off: the engine never raises it here")
    _require_level(wire, "REPEATABLE READ")
    with context.sandbox.connect_beside().cursor() as cursor:
        cursor.execute(f"SELECT id FROM {bait} WHERE id > 1 LIMIT 1 FOR UPDATE SKIP LOCKED")
        if (row := cursor.fetchone()) is None:
            raise NotApplicable("the transaction had no snapshot")
        change = f"UPDATE {bait} SET n = n + 1 WHERE id = {row[0]:d}"
        cursor.execute(change)
    wire.send(change)
    pending.perform()
    context.missed = "no snapshot yet: the engine never raises it here"


def _require_level(wire: LiveConnection, *levels: str) -> None:
    level = wire.level()
    if level not in levels:
        raise NotApplicable(f"{level or 'a failed transaction'} sees no snapshot: the engine never raises it here")


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
