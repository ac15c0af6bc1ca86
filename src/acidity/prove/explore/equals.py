"""Callers that are equal: what comes of an order of them comes of another one, with their letters changed.

Two copies of one operation differ in nothing that a program or a database could see, so that an order in which the
second begins need not be run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from acidity.core.scenario import Operation
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
    """

    def __init__(self, names: Sequence[str], operations: Sequence[Operation]) -> None:
        self._like: dict[str, list[str]] = {}
        for place, name in enumerate(names):
            first = next(other for other in range(place + 1) if _are_equal(operations[other], operations[place]))
            self._like[name] = self._like.get(names[first], [])
            self._like[name].append(name)

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
    """The run as it would have been with other letters: those of callers that ran one by one."""
    if all(own == name for own, name in letters.items()):
        return played
    history = (replace(event, call=replace(event.call, actor=letters[event.call.actor])) for event in played.history)
    return replace(
        played,
        endings={letters[name]: ending for name, ending in played.endings.items()},
        history=tuple(history),
        effects={letters[name]: effects for name, effects in played.effects.items()},
    )


def _are_equal(one: Operation, other: Operation) -> bool:
    """Whether nothing tells what they do apart; of arguments, those of which that is known by how they look."""
    if one is other:
        return True
    given, other_given = ([*each.arguments, *each.keywords.values()] for each in (one, other))
    if any(type(value) not in _PLAIN for value in (*given, *other_given)):
        return False
    return [(type(each), repr(each)) for each in given] == [(type(each), repr(each)) for each in other_given] and (
        one == other
    )
