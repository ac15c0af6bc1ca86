"""The server crashes and comes back before a Call is made; the transaction is gone with its session."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.prove.faults.base import SENT, FaultContext, Rarity, SimpleFault, hosted


def _strike(pending: PendingCall, context: FaultContext) -> None:
    pending.answered = False
    hosted(context).restart_server()
    pending.perform()  # a ROLLBACK on a dead connection may pass in silence: there is nothing left to roll back


def _needs(context: FaultContext) -> str:
    if context.sandbox.traits().get("dedicated"):
        return ""
    return "the server is shared; --setting acidity.server=dedicated starts one that may be restarted"


FAULT = SimpleFault(
    name="server-restarted",
    sentence="the server crashes and restarts before {call}",
    rarity=Rarity.RARE,
    kinds=SENT,
    ways={"sqlite": "a file has no server", "*": _strike},
    needs=_needs,
    reason="an effect has no connection to the database",
)
