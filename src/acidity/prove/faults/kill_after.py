"""The process is killed (SIGKILL) just after a Call took place."""

from __future__ import annotations

import os
import signal

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, Rarity, SimpleFault


def _strike(pending: PendingCall, context: FaultContext) -> None:
    try:
        pending.perform()
    finally:  # also when it is answered with an error
        os.kill(os.getpid(), signal.SIGKILL)


FAULT = SimpleFault(
    name="kill-after",
    sentence="the process is killed after {call}",
    rarity=Rarity.KILLED,
    kinds=frozenset(Kind),
    ways={"*": _strike},
    in_child=True,
)
