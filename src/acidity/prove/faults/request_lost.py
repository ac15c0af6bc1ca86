"""The connection breaks before COMMIT reaches the server: the program sees the same as when the answer is lost."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, Rarity, SimpleFault, hosted


def _strike(pending: PendingCall, context: FaultContext) -> None:
    proxy = hosted(context).proxy()
    proxy.cut("before")
    pending.answered = False
    pending.perform()
    proxy.disarm()
    pending.answered = True
    context.missed = "nothing was sent for this COMMIT"


FAULT = SimpleFault(
    name="request-lost",
    sentence="the connection breaks before {call} reaches the server",
    rarity=Rarity.RARE,
    kinds=frozenset({Kind.COMMIT}),
    ways={"sqlite": "a file has no wire that could break", "*": _strike},
    through_proxy=True,
    reason="only a COMMIT leaves its outcome in doubt",
)
