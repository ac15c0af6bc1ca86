"""A killed server at one Call: before it is sent, while it is under way, or after its answer.

Every process of the server that acidity started for this check gets SIGKILL, by number; then the server is started
again on its data and recovers. The Call and what comes after it is answered as the driver answers. The program's own
process is killed in the same ways, in a child; the server lives.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import cast

from acidity.adapters.seam import PendingCall
from acidity.analysis.canonical import equal_raw
from acidity.analysis.leftout import without
from acidity.core.call import Call
from acidity.core.outcome import State
from acidity.engines.hosted import HostedSandbox
from acidity.prove.crash.amid import AMID
from acidity.prove.crash.settled import settled_before
from acidity.prove.drill.striker import Strike
from acidity.prove.faults import kill_after, kill_before
from acidity.prove.faults.base import SENT, Fault, FaultContext, Rarity, SimpleFault, hosted

COMMITS_MAX = 3  # at so many the program itself is killed
UNDER_WAY_MAX_S = 0.004  # a COMMIT takes less than this on a private server


@dataclass(slots=True)
class Witness:
    """Reads what is committed just before a kill between two Calls, and once more when the server has recovered.

    All of it was acknowledged, and nothing else is under way: durable is what brings back these very rows.

    Attributes:
        ignore: what is not compared, as the scenario says.
        forgot: name of the kill, number of the Call → the rows before and after, where they are others.
    """

    ignore: Sequence[str] = ()
    forgot: dict[tuple[str, int], tuple[State, State]] = field(default_factory=dict)

    def sees(self, name: str, call: Call, sandbox: HostedSandbox) -> None:
        """Have the server killed, and started again."""
        before = sandbox.look()
        sandbox.kill_server()
        sandbox.revive_server()
        after = sandbox.look()
        was, now = without(before.state, self.ignore), without(after.state, self.ignore)
        if not (before.locked_out or after.locked_out or equal_raw(was, now)):
            self.forgot[name, call.index] = was, now


def _fault(name: str, sentence: str, way: Callable[[PendingCall, FaultContext], None]) -> Fault:
    return cast("Fault", SimpleFault(name, sentence, SENT, {"*": settled_before(way)}, rarity=Rarity.RARE))


def before(witness: Witness | None = None) -> Fault:
    """The server is killed before the Call is sent."""
    name = "server-killed-before"

    def strike(pending: PendingCall, context: FaultContext) -> None:
        pending.answered = False
        _kill(name, pending, context, witness)
        pending.perform()

    return _fault(name, "the server is killed before {call} is sent", strike)


def after(witness: Witness | None = None) -> Fault:
    """The server is killed after the Call was answered."""
    name = "server-killed-after"

    def strike(pending: PendingCall, context: FaultContext) -> None:
        pending.perform()
        _kill(name, pending, context, witness)

    return _fault(name, "the server is killed after {call} was answered", strike)


def _kill(name: str, pending: PendingCall, context: FaultContext, witness: Witness | None) -> None:
    if witness is not None:
        witness.sees(name, pending.call, hosted(context))
        return
    hosted(context).kill_server()
    hosted(context).revive_server()


BEFORE, AFTER = before(), after()


CLIENT_UNDER_WAY = "client-killed-under-way"
_CLIENT = {
    name: cast("Fault", replace(fault, name=name))
    for name, fault in (("client-killed-before", kill_before.FAULT), ("client-killed-after", kill_after.FAULT))
}


def under_way(delay_s: float) -> Fault:
    """The server is killed so many seconds after the Call was sent, whether or not it has been answered by then."""

    def strike(pending: PendingCall, context: FaultContext) -> None:
        killer = threading.Thread(target=_kill_later, args=(context, delay_s))
        killer.start()
        try:
            pending.perform()
        finally:
            killer.join()
            hosted(context).revive_server()

    return _fault("server-killed-under-way", "the server is killed while {call} is under way", strike)


def client_under_way(delay_s: float) -> Fault:
    """The program's own process is killed so many seconds after the Call was sent, or when it has been answered."""

    def strike(pending: PendingCall, context: FaultContext) -> None:  # noqa: ARG001 - all faults are called alike
        threading.Thread(target=_die_later, args=(delay_s,), daemon=True).start()
        try:
            pending.perform()
        finally:  # it has been answered first
            os.kill(os.getpid(), signal.SIGKILL)

    sentence = "the program is killed while {call} is under way"
    fault = SimpleFault(CLIENT_UNDER_WAY, sentence, SENT, {"*": strike}, in_child=True, rarity=Rarity.KILLED)
    return cast("Fault", fault)


def _die_later(delay_s: float) -> None:
    time.sleep(delay_s)
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_later(context: FaultContext, delay_s: float) -> None:
    time.sleep(delay_s)
    hosted(context).kill_server()


KILLED = "server-killed"  # at a moment, whatever the clients do then
SERVER_KILLS = frozenset({BEFORE.name, AFTER.name, under_way(0).name, AMID})
CLIENT_KILLS = frozenset({*_CLIENT, CLIENT_UNDER_WAY})
NAMES = SERVER_KILLS | CLIENT_KILLS


def lasting(calls: Sequence[Call], *, at_once: bool = False) -> list[int]:
    """The numbers of the Calls that leave something for good: the COMMITs, and what is written after the last of them.

    Args:
        calls: of the clean run.
        at_once: it writes to tables that no transaction protects.
    """
    commits = [call.index for call in calls if call.commits]
    last = max(commits, default=0)
    return commits + [call.index for call in calls if at_once and call.index > last and call.writes]


def cycles(
    calls: Sequence[Call], count: int, seed: int, witness: Witness | None = None, *, at_once: bool = False
) -> list[Strike]:
    """So many kills: at each Call that is `lasting` in each way, then again and at others, drawn by the seed."""
    draw = random.Random(seed)  # noqa: S311
    commits = lasting(calls, at_once=at_once)
    if not commits:
        return []
    between = after(witness), before(witness)
    return list(islice(_endless(commits, [call.index for call in calls], draw, between), count))


def _endless(
    commits: Sequence[int], everywhere: Sequence[int], draw: random.Random, between: Sequence[Fault]
) -> Iterator[Strike]:
    while True:
        for index in commits:
            yield from (Strike(fault, index) for fault in between)
            yield Strike(under_way(draw.uniform(0, UNDER_WAY_MAX_S)), index)
        yield Strike(under_way(draw.uniform(0, UNDER_WAY_MAX_S)), draw.choice(everywhere))


def of_the_client(calls: Sequence[Call], seed: int, *, at_once: bool = False) -> list[Strike]:
    """The program's own process killed: before, under way and after the first that are `lasting`, and somewhere."""
    draw = random.Random(seed)  # noqa: S311
    commits = lasting(calls, at_once=at_once)[:COMMITS_MAX]
    found = [Strike(fault, index) for index in commits for fault in _CLIENT.values()]
    anywhere = [*commits, *(draw.choice(calls).index for _ in commits)]
    return found + [Strike(client_under_way(draw.uniform(0, UNDER_WAY_MAX_S)), index) for index in anywhere]


def named(name: str, index: int, seed: int, witness: Witness | None = None) -> Strike:
    """The kill that a Schedule names; how long one under way takes is drawn anew."""
    delay_s = random.Random(seed).uniform(0, UNDER_WAY_MAX_S)  # noqa: S311
    if name == CLIENT_UNDER_WAY:
        return Strike(client_under_way(delay_s), index)
    fault = {BEFORE.name: before(witness), AFTER.name: after(witness), **_CLIENT}.get(name)
    return Strike(fault or under_way(delay_s), index)
