"""COMMIT is applied, and the connection is lost before the answer arrives."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, Rarity, SimpleFault, apply, driver_error, hosted


def _strike_sqlite(pending: PendingCall, context: FaultContext) -> None:
    apply(pending, context)
    wire = context.wire(pending)
    wire.close()
    pending.answered = False
    context.mode = "simulated"
    raise driver_error(wire, "ProgrammingError", "Cannot operate on a closed database.")


def _strike_server(pending: PendingCall, context: FaultContext) -> None:
    """The proxy forwards COMMIT, waits for the server's answer, drops it and breaks the connection."""
    proxy = hosted(context).proxy()
    proxy.cut("after")
    pending.answered = False
    pending.perform()
    proxy.disarm()
    pending.answered = True
    context.missed = "nothing was sent for this COMMIT"


FAULT = SimpleFault(
    name="answer-lost",
    sentence="{call} is applied, but its answer is lost",
    rarity=Rarity.RARE,
    kinds=frozenset({Kind.COMMIT}),
    ways={"sqlite": _strike_sqlite, "*": _strike_server},
    persistent=True,
    through_proxy=True,
    reason="only a COMMIT leaves its outcome in doubt",
)
