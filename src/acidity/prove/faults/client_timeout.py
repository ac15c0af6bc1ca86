"""The program's own time limit runs out while the answer of a Call is on its way: it takes place, and nobody is told.

A limit ends the waiting and not the work of the database. After a COMMIT the rows are there, and who tries again makes
the change twice.
"""

from __future__ import annotations

import asyncio
from typing import Any

from acidity.adapters.limits import Ahead, limits
from acidity.adapters.seam import ACTOR, PendingCall
from acidity.core.call import Call, Kind
from acidity.prove.faults.base import FaultContext, NotApplicable, Rarity, SimpleFault, apply

_TURNS = 20  # of the loop, until it has come from the limit to whoever awaits the Call


def _strike(pending: PendingCall, context: FaultContext) -> None:
    from sqlalchemy.util import await_only
    from sqlalchemy.util.concurrency import in_greenlet

    actor = ACTOR.get()
    if actor is None or not pending.call.limited or not in_greenlet():
        raise NotApplicable("no time limit of the program runs")
    apply(pending, context)
    pending.answered, context.mode = False, "simulated"
    running = limits(actor.began)
    if not running:
        raise TimeoutError  # as asyncpg does
    clock = context.kept["clock"] = context.kept.get("clock") or Ahead(asyncio.get_running_loop())
    awaited = _awaited(actor.task)
    for limit in running:
        clock.run_out(limit)
        for _ in range(_TURNS):
            await_only(asyncio.sleep(0))
        if _awaited(actor.task) is not awaited:
            return  # the operation goes on without it
    pending.answered = True
    context.missed = "no time limit of the program ends it"


def _awaited(task: asyncio.Task[Any] | None) -> object:
    """What a task waits for."""
    return getattr(task, "_fut_waiter", None)


def _needs(context: FaultContext) -> str:
    return "" if context.asynchronous else "a plain function has no time limit that could be seen"


def _spares(call: Call, context: FaultContext) -> str:
    del context
    return "" if call.limited else "no time limit of the program runs"


FAULT = SimpleFault(
    name="client-timeout",
    sentence="{call} takes place, but its answer comes after the time limit of the program",
    rarity=Rarity.LOST,
    kinds=frozenset(Kind),
    ways={"*": _strike},
    persistent=True,
    cancels=True,
    lasting=True,
    needs=_needs,
    spares=_spares,
)
