"""The server has become read-only (25006, 1290, SQLITE_READONLY)."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, Rarity, SimpleFault


def _strike_sqlite(pending: PendingCall, context: FaultContext) -> None:
    wire = context.wire(pending)
    old = wire.on_driver(lambda connection: connection.execute("PRAGMA query_only").fetchone()[0])
    wire.send("PRAGMA query_only = ON")
    try:
        pending.perform()
    finally:
        wire.send(f"PRAGMA query_only = {old}")  # the program may have set it itself
    context.unheard = "it changed nothing"


def _strike_postgresql(pending: PendingCall, context: FaultContext) -> None:
    context.wire(pending).send("SET TRANSACTION READ ONLY")
    pending.perform()
    context.unheard = "it changed nothing"


def _strike_mariadb(pending: PendingCall, context: FaultContext) -> None:
    context.mode = "simulated"  # read_only is a switch of the whole server, which others use too
    raise context.wire(pending).errors.OperationalError(
        1290, "The MariaDB server is running with the --read-only option so it cannot execute this statement"
    )


FAULT = SimpleFault(
    name="read-only",
    sentence="the database is read-only at {call}",
    rarity=Rarity.RARE,
    kinds=frozenset({Kind.STATEMENT}),
    ways={"sqlite": _strike_sqlite, "postgresql": _strike_postgresql, "mariadb": _strike_mariadb},
    writes_only=True,
    reason="only a write is refused",
)
