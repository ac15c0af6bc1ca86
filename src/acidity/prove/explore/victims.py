"""Whom deadlocks ended in a run, and where chance has chosen him."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from acidity.core.call import Call, Kind
from acidity.core.turn import Trace
from acidity.engines.codes import DEADLOCK
from acidity.prove.explore.lab import Played

_ENDS = frozenset({Kind.COMMIT, Kind.ROLLBACK})


@dataclass(frozen=True, slots=True)
class Victim:
    """A Call that a deadlock ended.

    Attributes:
        call: the Call.
        others: the Calls that waited meanwhile.
        played: the run.
    """

    call: Call
    others: tuple[Call, ...]
    played: Played


def victims(played: Played) -> Iterator[Victim]:
    """Those of a run, in the order of its turns."""
    made: dict[str, Call] = {}
    waited: set[str] = set()
    for turn in played.trace.turns:
        if turn.call is not None:
            made[turn.actor] = turn.call
        for event in turn.events:
            if event.reply.code in DEADLOCK:
                others = sorted((waited | {turn.actor}) - {event.call.actor})
                yield Victim(event.call, tuple(made[name] for name in others if name in made), played)
        waited = set(turn.waiting)


def chosen_by_chance(trace: Trace) -> str:
    """Why no schedule tells who is the victim; nothing where one does.

    Who closes a circle is its victim, or the one with the least to take back. Where the end of a third one leaves
    others waiting for each other, nobody has closed it: MariaDB 10.11 takes whose transaction lies lower in its memory.
    """
    for turn in trace.turns:
        if turn.call is None or turn.call.kind not in _ENDS or turn.waits:
            continue
        for event in turn.events:
            if event.reply.code in DEADLOCK and event.call.actor != turn.actor:
                others = sorted({event.call.actor, *turn.woken, *turn.waiting} - {turn.actor})
                left = f"as {turn.actor} ends, {' and '.join(others)} are left waiting for each other"
                return f"not deterministic: {left}, and the database turns one of them away by chance"
    return ""
