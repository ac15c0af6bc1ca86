"""The connection is lost, and the server takes no new ones (53300, 1226) for the rest of the run.

A program that tries again for ever is let in at last, as it is after the last strike of a persistent fault.
"""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.prove.faults.base import SENT, STRIKES_MAX, FaultContext, Rarity, SimpleFault, hosted


class _Full:
    """Keeps the server full for a number of attempts; `close` makes room again."""

    def __init__(self, context: FaultContext) -> None:
        self._sandbox = hosted(context)
        self._attempts = 0
        self._full = True
        self._sandbox.limit_connections(full=True)
        self._sandbox.on_connect = self._count

    def _count(self) -> None:
        self._attempts += 1
        if self._attempts > STRIKES_MAX:
            self.close()

    def close(self) -> None:
        if self._full:
            self._full = False
            self._sandbox.on_connect = lambda: None
            self._sandbox.limit_connections(full=False)


def _strike(pending: PendingCall, context: FaultContext) -> None:
    pending.answered = False
    context.kept["full"] = _Full(context)
    hosted(context).end(context.wire(pending).connection)
    pending.perform()  # a ROLLBACK on a dead connection may pass in silence: there is nothing left to roll back


FAULT = SimpleFault(
    name="too-many-connections",
    sentence="the connection is lost before {call}, and the server takes no new one",
    rarity=Rarity.RARE,
    kinds=SENT,
    ways={"sqlite": "a file counts no connections", "*": _strike},
    lasting=True,
    reason="an effect has no connection to the database",
)
