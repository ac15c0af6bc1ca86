"""The connection is gone before a Call is made; the engine rolls back what was open on it."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.prove.faults.base import SENT, FaultContext, Rarity, SimpleFault, driver_error, hosted


def _strike_sqlite(pending: PendingCall, context: FaultContext) -> None:
    """Close the driver's connection; the next call on it fails for real."""
    wire = context.wire(pending)
    wire.close()
    pending.answered = False
    pending.perform()
    context.mode = "simulated"
    raise driver_error(wire, "ProgrammingError", "Cannot operate on a closed database.")


def _strike_server(pending: PendingCall, context: FaultContext) -> None:
    """End the session at the server (pg_terminate_backend, KILL), and let the Call find out."""
    pending.answered = False
    wire = context.wire(pending)
    hosted(context).end(wire.connection)
    pending.perform()  # a ROLLBACK on a dead connection may pass in silence: there is nothing left to roll back


FAULT = SimpleFault(
    name="connection-lost",
    sentence="the connection is lost before {call}",
    rarity=Rarity.LOST,
    kinds=SENT,
    ways={"sqlite": _strike_sqlite, "*": _strike_server},
    persistent=True,
    reason="an effect has no connection to the database",
)
