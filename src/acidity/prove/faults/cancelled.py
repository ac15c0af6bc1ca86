"""The task of the operation is cancelled while it, or one that it has begun, awaits the answer of a Call.

Who calls an operation holds its task, and no other. Those that it has begun are cancelled as far as it has them be:
`asyncio.gather` and a `TaskGroup` do so, `asyncio.shield` does not.
"""

from __future__ import annotations

import asyncio

from acidity.adapters.seam import ACTOR, PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, NotApplicable, Rarity, SimpleFault


def _strike(pending: PendingCall, context: FaultContext) -> None:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop: a web framework runs plain functions in threads
        task = None
    actor = ACTOR.get()
    called = task if actor is None or actor.task is None else actor.task
    if task is None or called is None or called.get_loop() is not task.get_loop():
        raise NotApplicable("the Call is made in a thread, which nobody can cancel")
    pending.answered = False
    arriving = task.get_loop().call_soon(called.cancel)  # as soon as the task awaits
    pending.perform()
    if task.cancelling():
        return  # the driver held it up; it arrives at the next await: asyncio's own way
    pending.answered = True
    if not called.cancelling():
        arriving.cancel()
        context.missed = "nothing was awaited"


def _needs(context: FaultContext) -> str:
    return "" if context.asynchronous else "a plain function has no task that could be cancelled"


FAULT = SimpleFault(
    name="cancelled",
    sentence="the task is cancelled at {call}",
    rarity=Rarity.LOST,
    kinds=frozenset(Kind),
    ways={"*": _strike},
    cancels=True,
    needs=_needs,
)
