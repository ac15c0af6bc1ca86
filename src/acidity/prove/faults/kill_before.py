"""The process is killed (SIGKILL) just before a Call is made."""

from __future__ import annotations

import os
import signal

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, Rarity, SimpleFault


def _strike(pending: PendingCall, context: FaultContext) -> None:
    del context
    del pending
    os.kill(os.getpid(), signal.SIGKILL)


FAULT = SimpleFault(
    name="kill-before",
    sentence="the process is killed before {call}",
    rarity=Rarity.KILLED,
    kinds=frozenset(Kind),
    ways={"*": _strike},
    in_child=True,
)
