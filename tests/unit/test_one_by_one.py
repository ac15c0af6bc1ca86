"""Who had come before a query tells the serial orders that give the same answer."""

from __future__ import annotations

from itertools import permutations

import pytest

from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.core.outcome import State
from acidity.core.turn import Trace
from acidity.prove.explore.lab import Played
from acidity.prove.explore.one_by_one import OneByOne
from acidity.prove.explore.serial import Serial


def event(number: int, sql: str, writes: Writes, reply: Reply) -> Event:
    return Event(Call("A", number, Kind.STATEMENT, sql, writes=writes), reply, order=number)


def did(got: int, *, changed: int = 1, asked: str = "SELECT n") -> list[Event]:
    wrote, read = Reply("ok", rowcount=changed), Reply("ok", rows=[(got,)])
    return [event(1, "UPDATE log", Writes.YES, wrote), event(2, asked, Writes.NO, read)]


def serial(order: str, got: int, changed: int = 1, asked: str = "SELECT n") -> Serial:
    state = State({})
    run = Played(Trace((), ()), {}, tuple(did(got, changed=changed, asked=asked)), state, {})
    return Serial(tuple(order), (run,), state)


TWO = (serial("AB", 1), serial("BA", 2))
# What B does is in the answer, and what C does is not.
THREE = tuple(serial("".join(order), 1 + (order.index("B") < order.index("A"))) for order in permutations("ABC"))


@pytest.mark.parametrize(
    ("serials", "got", "told"),
    [
        pytest.param(TWO, 1, {"B": False}, id="as alone"),
        pytest.param(TWO, 2, {"B": True}, id="as after the other"),
        pytest.param(TWO, 3, {}, id="as in no order"),
        pytest.param((serial("AB", 1), serial("BA", 1)), 1, {}, id="the same in each"),
        pytest.param(THREE, 1, {"B": False}, id="one of three has not"),
        pytest.param(THREE, 2, {"B": True}, id="one of three has"),
        pytest.param((serial("AB", 1), serial("BA", 2, changed=2)), 1, {}, id="wrote other rows there"),
        pytest.param((serial("AB", 1), serial("BA", 2, asked="SELECT m")), 1, {}, id="asked something else there"),
    ],
)
def test_who_had_come_before(serials: tuple[Serial, ...], got: int, told: dict[str, bool]) -> None:
    assert OneByOne(serials).had_come(did(got)) == told


@pytest.mark.parametrize(("got", "gives"), [(1, True), (2, True), (3, False)])
def test_what_no_order_gives(got: int, *, gives: bool) -> None:
    assert OneByOne(TWO).gives(did(got)) is gives


def test_nothing_is_said_where_nobody_asks_it_alone() -> None:
    assert OneByOne([serial("AB", 1, asked="SELECT m")]).gives(did(7))
