"""A function outside the database fails and has no effect."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, SimpleFault


def _strike(pending: PendingCall, context: FaultContext) -> None:

    context.mode = "simulated"
    raise ConnectionError("acidity: the effect could not be reached")


FAULT = SimpleFault(
    name="effect-before",
    sentence="{call} fails without effect",
    kinds=frozenset({Kind.EFFECT}),
    ways={"*": _strike},
    persistent=True,
    reason="it is not an effect",
)
