"""Rows that came in any order, and the lists that a program makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from acidity.analysis.any_order import in_order_of, sizes_in_any_order
from acidity.core.call import Call, Event, Kind, Reply
from acidity.core.outcome import Ending, State
from acidity.core.turn import Trace
from acidity.prove.explore.lab import Played
from acidity.prove.explore.sayings import Sayings

TWO, ONE = [(1,), (2,)], [(1,)]


@pytest.mark.parametrize(
    ("text", "rows", "any_order"),
    [
        ("SELECT id FROM t", TWO, True),
        ("SELECT id FROM t", ONE, False),
        ("SELECT id FROM t", None, False),
        ("SELECT id FROM t ORDER BY id", TWO, False),
        ("select id from t order\n by id", TWO, False),
        ("SELECT id, row_number() OVER (PARTITION BY (a) ORDER BY id) FROM t", TWO, True),
        ("SELECT id FROM (SELECT id FROM t ORDER BY id LIMIT 2) AS two", TWO, True),
        ("UPDATE t SET n = 1 RETURNING id", TWO, True),
        ("SELECT json_agg(id) FROM t", ONE, True),
        ("SELECT json_agg(id ORDER BY id) FROM t", ONE, False),
        ("SELECT sum(id) FROM t", ONE, False),
    ],
)
def test_who_asked_for_no_order(text: str, rows: list[Any] | None, *, any_order: bool) -> None:
    event = Event(Call("A", 1, Kind.STATEMENT, text), Reply("ok", rows=rows))
    assert sizes_in_any_order([event]) == ({len(rows or ())} if any_order else set())


@dataclass(frozen=True)
class Page:
    items: list[Any]
    count: int


class Pair(NamedTuple):
    one: Any
    two: Any


@pytest.mark.parametrize(
    ("clean", "answer", "arranged"),
    [
        ([1, 2, 3], [3, 1, 2], [1, 2, 3]),
        ([1, 2, 2], [2, 1, 2], [1, 2, 2]),
        ({"a": [1, 2]}, {"a": [2, 1], "b": [2, 1]}, {"a": [1, 2], "b": [2, 1]}),
        (([1, 2], 5), ([2, 1], 6), ([1, 2], 6)),
        ([[1, 2], [3]], [[3], [2, 1]], [[1, 2], [3]]),
        (Page([1, 2], 2), Page([2, 1], 2), Page([1, 2], 2)),
        (
            [{"id": 7, "what": "ink"}, {"id": 8, "what": "pen"}],
            [{"id": 9, "what": "pen"}, {"id": 4, "what": "ink"}],
            None,
        ),
    ],
)
def test_lists_are_put_in_the_order_of_the_other_ones(clean: Any, answer: Any, arranged: Any) -> None:
    assert in_order_of(clean, answer) == ([answer[1], answer[0]] if arranged is None else arranged)


@pytest.mark.parametrize(
    ("clean", "answer", "same"),
    [
        ("14A, 14B", "14B, 14A", True),
        ("14A: 1\n14B: 2", "14B: 2\n14A: 1", True),
        ("14A, 1\n14B, 2", "14A, 2\n14B, 1", False),
        ("14A, 14B", "14B, 14C", False),
        ("14A", "14B", False),
        ("from 14A to 14B", "from 14B to 14A", False),
        ('[{"id": 1, "n": 10}, {"id": 2, "n": 20}]', '[{"n": 20, "id": 2}, {"id": 1, "n": 10}]', True),
        ('[{"id": 1, "n": 10}, {"id": 2, "n": 20}]', '[{"id": 2, "n": 10}, {"id": 1, "n": 20}]', False),
        ("[a, b]", "[b, a]", False),
    ],
)
def test_a_text_that_lists_the_same_is_the_same(clean: str, answer: str, *, same: bool) -> None:
    assert in_order_of(clean, answer) == (clean if same else answer)


def test_a_tuple_of_as_many_as_rows_came_is_a_list() -> None:
    assert in_order_of((1, 2, 3), (3, 1, 2), {3}) == (1, 2, 3)
    assert in_order_of((1, 2, 3), (3, 1, 2), {2}) == (3, 1, 2)


@pytest.mark.parametrize(
    ("clean", "answer"),
    [
        ([1, 2], [1, 2]),
        ([1, 2], [2, 1, 3]),
        ([1, 2], [4, 3]),  # nothing is alike
        ([(1, 2), (3, 4)], [(2, 1), (3, 4)]),  # places in a row have a meaning
        (Pair(1, [1, 2]), Pair(1, [2, 1])),
        ("ab", "ba"),
        ([1, 2], None),
    ],
)
def test_nothing_else_is_changed(clean: Any, answer: Any) -> None:
    assert in_order_of(clean, answer) is answer


def played(seats: list[str], total: int, order: str = "") -> Played:
    """Two callers: A answers the seats that it has read, and B a number."""
    rows = [(each,) for each in seats]
    calls = (Event(Call("A", 1, Kind.STATEMENT, f"SELECT id FROM seats {order}"), Reply("ok", rows=rows)),)
    endings = {"A": Ending(answered=True, answer=seats), "B": Ending(answered=True, answer=total)}
    told = {"A": (("mail", None, list(seats)),)}
    return Played(Trace((), ()), endings, calls, State({}), {}, told=told)


@pytest.mark.parametrize("with_effects", [False, True])
def test_what_is_shown_of_two_runs_is_not_the_order(*, with_effects: bool) -> None:
    sayings = Sayings({"A": "lists", "B": "counts"}, with_effects=with_effects)
    found = sayings.differences(played(["14B", "14A"], 3), [played(["14A", "14B"], 2)] * 2)
    assert [(each.name, each.said, each.clean) for each in found] == [("B", 3, 2)]


def test_an_order_that_was_asked_for_is() -> None:
    sayings = Sayings({"A": "lists", "B": "counts"}, with_effects=False)
    one, other = (played(seats, 2, "ORDER BY n") for seats in (["14B", "14A"], ["14A", "14B"]))
    found = sayings.differences(one, [other, other])
    assert [(each.name, each.said) for each in found] == [("A", ["14B", "14A"])]
