"""A transaction that has read wants to write after somebody else's commit (SQLITE_BUSY_SNAPSHOT); no wait helps."""

from __future__ import annotations

import sqlite3

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, NotApplicable, Rarity, SimpleFault


def _strike(pending: PendingCall, context: FaultContext) -> None:
    wire = context.wire(pending)
    if not wire.on_driver(lambda connection: connection.in_transaction):
        raise NotApplicable("no read transaction is open whose snapshot could be too old")
    other = context.sandbox.connect_beside()
    try:
        version = other.execute("PRAGMA user_version").fetchone()[0]
        other.execute(f"PRAGMA user_version = {version}")  # a commit that changes nothing a program can read
    except sqlite3.OperationalError:
        raise NotApplicable("the operation holds the write lock by then, so nobody else can commit") from None
    finally:
        other.close()
    pending.perform()
    context.missed = "the transaction had not read yet"


def _needs(context: FaultContext) -> str:
    return "" if context.sandbox.traits().get("journal_mode") == "wal" else "snapshots exist in WAL mode only"


FAULT = SimpleFault(
    name="busy-snapshot",
    sentence="somebody commits between the reads and {call}",
    rarity=Rarity.RARE,
    kinds=frozenset({Kind.STATEMENT}),
    ways={
        "sqlite": _strike,
        "postgresql": "it is SQLite's; see serialization",
        "mariadb": "it is SQLite's; see serialization",
    },
    writes_only=True,
    reason="only a write upgrades a snapshot",
    needs=_needs,
)
