"""Run one or several callers at once, each as its own actor, until all have ended.

One plain function runs right here, in the thread of the check: signals arrive there. Several run in a thread each.
Coroutine functions are tasks of one event loop, also beside threads. Whoever wants an order among the callers gives
each of them an Interceptor that holds it; here nobody waits for anybody.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from acidity.core.outcome import Ending
from acidity.prove.stage.call import Caller, Player
from acidity.prove.stage.helpers import PATIENCE_S, QUIET_S
from acidity.prove.stage.host import LoopHost, is_async

Direct = Callable[[Caller, Sequence[Player], LoopHost | None], list[Ending]]
"""How several callers are let play: `play`, or whoever wants an order among them; its arguments are those of `play`."""


def play(caller: Caller, players: Sequence[Player], loop: LoopHost | None) -> list[Ending]:
    """Call the operation of every player and wait for all.

    Args:
        caller: calls them.
        players: who plays, one or more.
        loop: where coroutine functions run; None if there are none.

    Returns:
        How each ended, in the order of the players.

    Raises:
        KeyboardInterrupt: the user pressed Ctrl-C. The other callers come to their end first: what they still do must
            not meet a seam that is gone.
    """
    if len(players) == 1:
        return [_alone(caller, players[0], loop)]
    plain = [player for player in players if not is_async(player.operation)]
    tasks = [player for player in players if is_async(player.operation)]
    endings: dict[int, Ending] = {}
    with ThreadPoolExecutor(max(1, len(plain)), thread_name_prefix="acidity-actor") as threads:
        started = [(player, in_thread(threads, caller, player)) for player in plain]
        if loop is not None and tasks:
            together = loop.run(_together(caller, tasks))
            endings.update((id(player), ending) for player, ending in zip(tasks, together, strict=True))
        endings.update((id(player), future.result()) for player, future in started)
    return [_ended(player, endings[id(player)]) for player in players]


def in_thread(threads: ThreadPoolExecutor, caller: Caller, player: Player) -> Future[Ending]:
    """A thread that knows the context variables of this one."""
    return threads.submit(contextvars.copy_context().run, caller.call, player)


def _alone(caller: Caller, player: Player, loop: LoopHost | None) -> Ending:
    if loop is None or not is_async(player.operation):
        return caller.call(player)
    return _ended(player, loop.run(_until_at_rest(caller, player)))


async def _until_at_rest(caller: Caller, player: Player) -> Ending:
    """Its ending, once the tasks that it has left behind make no more Calls: `asyncio.shield` lets one go on."""
    before = asyncio.all_tasks()
    ending = await caller.call_async(player)
    made, until = -1, time.monotonic() + PATIENCE_S
    while (left := asyncio.all_tasks() - before) and time.monotonic() < until:
        if made == player.actor.made == len(player.actor.events):
            break
        made = player.actor.made
        await asyncio.wait(left, timeout=QUIET_S)
    return ending


async def _together(caller: Caller, players: Sequence[Player]) -> list[Ending]:
    tasks = [asyncio.create_task(caller.call_async(player)) for player in players]
    return list(await asyncio.gather(*tasks))


def _ended(player: Player, ending: Ending) -> Ending:
    """A cancellation that no fault has made is asyncio's way to pass on the user's Ctrl-C."""
    if ending.cancelled and not player.needs.cancels:
        raise KeyboardInterrupt
    return ending
