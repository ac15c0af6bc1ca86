"""Memory runs out just before a Call is made."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, Rarity, SimpleFault


def _strike(pending: PendingCall, context: FaultContext) -> None:
    pending.answered = False
    context.mode = "simulated"
    raise MemoryError("acidity: out of memory")


FAULT = SimpleFault(
    name="memory-error",
    sentence="memory runs out before {call}",
    rarity=Rarity.RARE,
    kinds=frozenset(Kind) - {Kind.ROLLBACK, Kind.COMMIT},
    ways={"*": _strike},
    reason="nobody can clean up after a clean-up that was cut short; a COMMIT has faults of its own",
)
