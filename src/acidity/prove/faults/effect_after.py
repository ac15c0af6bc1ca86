"""A function outside the database fails after it took effect."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, SimpleFault, apply


def _strike(pending: PendingCall, context: FaultContext) -> None:
    apply(pending, context)
    context.mode = "simulated"
    raise ConnectionError("acidity: the effect took place, its answer was lost")


FAULT = SimpleFault(
    name="effect-after",
    sentence="{call} takes effect, then fails",
    kinds=frozenset({Kind.EFFECT}),
    ways={"*": _strike},
    persistent=True,
    reason="it is not an effect",
)
