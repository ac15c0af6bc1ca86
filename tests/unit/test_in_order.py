"""Equal callers are kept in order by their first Calls that act; what that says of the steps of a run."""

from __future__ import annotations

import pytest

from acidity.analysis.dependencies import Dependencies
from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.core.outcome import State
from acidity.core.scenario import Operation
from acidity.core.turn import Trace, Turn
from acidity.prove.explore.classes.families import family_of
from acidity.prove.explore.classes.step import Part, Step
from acidity.prove.explore.equals import Equals, letters_by, renamed
from acidity.prove.explore.in_order import InOrder, by_first_acts
from acidity.prove.explore.lab import Played
from acidity.prove.explore.lanes import lanes_of
from acidity.prove.explore.lines import Lines

KIN = {"A": ("A", "C"), "C": ("A", "C")}


def call(actor: str, index: int, sql: str, writes: Writes = Writes.NO) -> Call:
    return Call(actor, index, Kind.STATEMENT, sql, writes=writes)


@pytest.mark.parametrize(
    ("made", "acts"),
    [
        (call("A", 1, "SELECT v FROM t"), False),
        (call("A", 1, "SELECT v FROM t FOR UPDATE"), True),
        (call("A", 1, "SELECT pg_advisory_lock(1)"), True),
        (call("A", 1, "UPDATE t SET v = 1", Writes.YES), True),
        (call("A", 1, "SET x = 1"), True),
        (Call("A", 1, Kind.COMMIT), False),
    ],
)
def test_what_acts_is_all_but_a_query_that_locks_nothing(made: Call, *, acts: bool) -> None:
    assert InOrder(engine="postgresql").acts(made) is acts


@pytest.mark.parametrize(
    ("first", "at_once"), [("SELECT 1", frozenset()), ("SELECT v FROM t FOR UPDATE", frozenset({"A", "C"}))]
)
def test_who_acts_at_once_is_kept_in_order_from_the_beginning(first: str, at_once: frozenset[str]) -> None:
    calls = [call(name, index, sql) for name in "AC" for index, sql in [(2, "UPDATE t SET v = 1"), (1, first)]]
    history = tuple(Event(each, Reply("ok"), order=order) for order, each in enumerate(calls))
    assert by_first_acts(KIN, "postgresql", [history]).at_once == at_once


def test_two_that_are_kept_in_order_depend_on_each_other_and_are_not_turned_round() -> None:
    relation = family_of("postgresql", "READ COMMITTED")
    assert relation is not None
    one, other, third = (
        Step(name, [Part(name, Kind.STATEMENT)], begins=begins)
        for name, begins in [("A", KIN["A"]), ("C", KIN["C"]), ("B", ())]
    )
    assert relation.depends(one, other)
    assert other.is_after(one)
    assert not relation.depends(one, third)
    assert not third.is_after(one)


def test_letters_go_by_who_is_let_go_first() -> None:
    assert letters_by("CBACB", KIN) == {"A": "C", "B": "B", "C": "A"}


def test_with_other_letters_a_call_is_made_and_answered_once() -> None:
    """A lane says that a Call waits if the turn that made it has no answer of it."""
    made = call("C", 1, "SELECT 1")
    event = Event(made, Reply("ok"), order=1)
    trace = Trace((Turn("C", made, events=(event,)),), (("A", "C"),))
    run = renamed(Played(trace, {}, (event,), State({}), {}), {"A": "C", "C": "A"})
    (move,) = lanes_of(run.trace, Dependencies((), (), ()), Lines([made]))
    assert (move.actor, move.result) == ("A", "ok")
    assert run.history[0].call is run.trace.turns[0].call


def test_who_is_equal_to_nobody_has_no_kin() -> None:
    same = Operation(print, 1)
    assert Equals("ABC", [same, Operation(print, 2), Operation(print, 1)]).kin == KIN
