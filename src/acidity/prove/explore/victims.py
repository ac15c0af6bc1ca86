"""Whom deadlocks ended in a run, and where chance has chosen him."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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

    Who closes a circle is its victim, or the one with the least to take back. Where the end of a third one, or of a
    first victim, leaves others waiting for each other, nobody has closed it: MariaDB 10.11 takes whose transaction lies
    lower in its memory.
    """
    for turn in trace.turns:
        away = [event.call.actor for event in turn.events if event.reply.code in DEADLOCK]
        if len(away) > 1:
            return _left((*away[1:], *turn.woken), away[0], f"{away[0]} is turned away")
        if away and turn.actor not in away and turn.call is not None and turn.call.kind in _ENDS and not turn.waits:
            return _left((*away, *turn.woken, *turn.waiting), turn.actor, f"{turn.actor} ends")
    return ""


def _left(names: Iterable[str], gone: str, how: str) -> str:
    others = " and ".join(sorted({*names} - {gone}))
    left = f"as {how}, {others} are left waiting for each other"
    return f"not deterministic: {left}, and the database turns one of them away by chance"
