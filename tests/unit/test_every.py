"""Every sequence of grants is run once, those with the fewest switches first."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import permutations

import pytest

from acidity.core.call import Call, Kind
from acidity.core.schedule import Schedule
from acidity.core.turn import Trace, Turn, grants_of, schedule_of
from acidity.prove.explore.every import Chooser, Deviated, Every, switches_of


def model(lengths: dict[str, int], prefix: tuple[str, ...], *, blocks: bool = False) -> Trace:
    """A run of callers with so many Calls each; under `blocks`, nobody else goes on between the first two of A."""
    choose, left = Chooser(prefix), dict(lengths)
    turns, enabled = [], []
    while able := tuple(name for name, calls in left.items() if calls):
        if blocks and left["A"] == lengths["A"] - 1:
            able = ("A",)
        name = choose(len(turns), able)
        left[name] -= 1
        enabled.append(able)
        turns.append(Turn(name, Call(name, 1, Kind.STATEMENT)))
    return Trace(tuple(turns), tuple(enabled))


def explored(run: Callable[[tuple[str, ...]], Trace]) -> tuple[list[Trace], Every]:
    every, seen = Every(), []
    while (prefix := every.next()) is not None:
        seen.append(run(prefix))
        every.seen(prefix, seen[-1])
    return seen, every


@pytest.mark.parametrize("lengths", [{"A": 3, "B": 3}, {"A": 1, "B": 4}, {"A": 2, "B": 2, "C": 2}], ids=str)
def test_each_sequence_is_run_once(lengths: dict[str, int]) -> None:
    seen, every = explored(lambda prefix: model(lengths, prefix))
    names = [name for name, calls in lengths.items() for _ in range(calls)]
    assert sorted(trace.grants for trace in seen) == sorted(set(permutations(names)))
    assert every.covered == 1


def test_those_with_few_switches_come_first() -> None:
    seen, _ = explored(lambda prefix: model({"A": 3, "B": 3}, prefix))
    switches = [switches_of(trace) for trace in seen]
    assert switches == sorted(switches)
    assert [trace.grants for trace in seen[:2]] == [tuple("AAABBB"), tuple("BBBAAA")]


def test_who_cannot_go_on_is_no_choice() -> None:
    seen, every = explored(lambda prefix: model({"A": 3, "B": 2}, prefix, blocks=True))
    assert every.covered == 1
    assert len({trace.grants for trace in seen}) == len(seen) == 6  # AA is one step: as A, A with B, B


def test_what_is_left_is_not_covered() -> None:
    every = Every()
    prefix = every.next()
    assert prefix == ()
    every.seen(prefix, model({"A": 2, "B": 1}, prefix))
    assert every.covered == Fraction(1, 4)


def test_another_way_is_no_run_of_the_same_program() -> None:
    with pytest.raises(Deviated, match="B could not go on in turn 1"):
        Chooser(("B",))(0, ("A", "C"))


def test_a_schedule_tells_who_is_let_go() -> None:
    assert grants_of(schedule_of("ABBA")) == tuple("ABBA")
    assert str(schedule_of(grants_of(Schedule.parse("ac1:A3.B2.A")))) == "ac1:A3.B2.A"
