"""Callers that are equal: what comes of an order of them comes of another one, with their letters changed.

Two copies of one operation differ in nothing that a program or a database could see, so that an order in which the
second begins before the first need not be run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MethodType

from acidity.core.call import Call, Event
from acidity.core.scenario import Operation
from acidity.core.turn import Trace
from acidity.prove.explore.in_order import Kin
from acidity.prove.explore.lab import Played

_PLAIN = (
    int,
    str,
    bytes,
    bool,
    float,
    Decimal,
    type(None),
)  # two of one of these types that look the same are the same


class Equals:
    """Which of some callers are equal.

    Args:
        names: their letters.
        operations: what each of them does.
        know_who: they ask who they are, so that no two of them are equal.
    """

    def __init__(self, names: Sequence[str], operations: Sequence[Operation], *, know_who: bool = False) -> None:
        self._like: dict[str, list[str]] = {}
        for place, name in enumerate(names):
            before = range(place, place + 1) if know_who else range(place + 1)
            first = next(other for other in before if _are_equal(operations[other], operations[place]))
            self._like[name] = self._like.get(names[first], [])
            self._like[name].append(name)

    @property
    def kin(self) -> Kin:
        """Each caller that has equals, with all of them and itself in the order of their letters."""
        return {name: tuple(like) for name, like in self._like.items() if len(like) > 1}

    def first(self, order: Sequence[str]) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """The order to which this one comes by other letters, in which equal callers begin in the order of their
        letters; and what letter of this one stands for each of its own.
        """
        met: dict[str, str] = {}
        for name in order:
            if name not in met:
                met[name] = next(each for each in self._like[name] if each not in met.values())
        return tuple(met[name] for name in order), {own: name for name, own in met.items()}


def renamed(played: Played, letters: Mapping[str, str]) -> Played:
    """The run as it would have been with other letters."""
    if all(own == name for own, name in letters.items()):
        return played
    made: dict[int, Call] = {}

    def called(call: Call) -> Call:
        """A Call stays one: its turn and its Event have the same."""
        return made.setdefault(id(call), replace(call, actor=letters[call.actor]))

    def changed(event: Event) -> Event:
        return replace(event, call=called(event.call))

    return replace(
        played,
        trace=_traced(played.trace, letters, called, changed),
        endings={letters[name]: ending for name, ending in played.endings.items()},
        history=tuple(map(changed, played.history)),
        effects={letters[name]: effects for name, effects in played.effects.items()},
        keys={letters[name]: keys for name, keys in played.keys.items()},
        told={letters[name]: told for name, told in played.told.items()},
        unlocked={letters[name]: calls for name, calls in played.unlocked.items()},
        breaches=tuple(replace(each, call=each.call and called(each.call)) for each in played.breaches),
        raised={(letters[name], index): error for (name, index), error in played.raised.items()},
    )


def letters_by(grants: Iterable[str], kin: Kin) -> Mapping[str, str]:
    """Which letter each caller has if equal ones are named in the order in which they are let go first."""
    met = list(dict.fromkeys(grants))
    letters = {name: name for name in met}
    for like in set(kin.values()):
        letters |= dict(zip([name for name in met if name in like], like, strict=True))
    return letters


def _traced(
    trace: Trace, letters: Mapping[str, str], called: Callable[[Call], Call], changed: Callable[[Event], Event]
) -> Trace:
    def named(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(letters[name] for name in names)

    turns = (
        replace(
            turn,
            actor=letters[turn.actor],
            call=turn.call and called(turn.call),
            woken=named(turn.woken),
            refused=named(turn.refused),
            waiting={
                letters[name]: frozenset(letters.get(other, other) for other in others)
                for name, others in turn.waiting.items()
            },
            events=tuple(map(changed, turn.events)),
        )
        for turn in trace.turns
    )
    return Trace(tuple(turns), tuple(tuple(sorted(named(names))) for names in trace.enabled))


def _are_equal(one: Operation, other: Operation) -> bool:
    """Whether nothing tells what they do apart; of arguments, those of which that is known by how they look."""
    if one is other:
        return True
    given, other_given = ([*each.arguments, *each.keywords.values()] for each in (one, other))
    if any(type(value) not in _PLAIN for value in (*given, *other_given)):
        return False
    alike = [(type(each), repr(each)) for each in given] == [(type(each), repr(each)) for each in other_given]
    return alike and _is_same_code(one.function, other.function) and one == other


def _is_same_code(one: object, other: object) -> bool:
    """Objects that can be called may say that they equal others which are not the same."""
    if isinstance(one, MethodType) and isinstance(other, MethodType):
        return one.__func__ is other.__func__ and one.__self__ is other.__self__
    return one is other
