"""Which transactions may have a conflict: one reads what the other one writes, and neither sees the other."""

from __future__ import annotations

import pytest

from acidity.core.call import Event, Kind, Reply
from acidity.core.turn import Turn
from acidity.prove.explore.classes.conflicts import Conflicts
from acidity.prove.explore.classes.families import SERIALIZABLE_SNAPSHOT
from acidity.prove.explore.classes.follower import Follower
from acidity.prove.explore.classes.footprint import Footprint, Reader
from acidity.prove.explore.classes.items import Item, Whole, tables_meet
from acidity.prove.explore.classes.keys import Keys
from acidity.prove.explore.classes.learnt import Learnt
from acidity.prove.explore.classes.levels import Levels
from acidity.prove.explore.classes.step import Step
from tests.unit.footprints import SCHEMA, call

A, B = ("A", 1), ("B", 1)


def reads(table: str) -> Footprint:
    return Footprint(reads=frozenset({Item(table, (1,))}))


def writes(table: str) -> Footprint:
    return Footprint(writes=frozenset({Item(table, (2,))}))


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (Item("a", (1,)), Item("a", (2,)), True),
        (Item("a:key", (1,)), Item("a", (2,)), True),
        (Item("a:u", Whole.ALL), Item("a:key", Whole.NEW), True),
        (Item("*"), Item("a"), True),
        (Item("a"), Item("ab"), False),
    ],
)
def test_tables_meet_whatever_stands_in_for_them(one: Item, other: Item, meet: bool) -> None:  # noqa: FBT001
    assert (
        tables_meet(frozenset({one}), frozenset({other})) is meet is tables_meet(frozenset({other}), frozenset({one}))
    )


def test_no_table_meets_none() -> None:
    assert not tables_meet(frozenset(), frozenset({Item("*")}))


@pytest.fixture
def conflicts() -> Conflicts:
    return Conflicts(count=True)


@pytest.mark.parametrize(("first", "second"), [(reads, writes), (writes, reads), (writes, writes)])
def test_who_comes_second_to_a_table_makes_it(conflicts: Conflicts, first: object, second: object) -> None:
    assert callable(first)
    assert callable(second)
    assert not conflicts.ask(A, 0, first("a"))
    assert not conflicts.ask(B, 0, second("b"))
    assert conflicts.ask(B, 0, second("a"))
    assert conflicts.has(A, 0)
    assert conflicts.has(B, 0)


def test_two_that_read_make_none(conflicts: Conflicts) -> None:
    assert not conflicts.ask(A, 0, reads("a"))
    assert not conflicts.ask(B, 0, reads("a"))
    assert not conflicts.has(A, 0)


def test_what_was_committed_counts_for_those_that_had_begun(conflicts: Conflicts) -> None:
    conflicts.ask(A, 0, reads("a"))
    conflicts.ask(B, 0, reads("b"))
    conflicts.end(A, 0, committed=True)
    assert conflicts.ask(B, 0, writes("a"))
    assert conflicts.has(B, 0)
    conflicts.end(B, 0, committed=True)
    assert not conflicts.ask(("C", 1), 0, writes("a:key"))  # it sees what they have done


def test_what_was_taken_back_counts_for_nobody(conflicts: Conflicts) -> None:
    conflicts.ask(A, 0, reads("a"))
    conflicts.ask(B, 0, reads("b"))
    conflicts.end(A, 0, committed=False)
    assert not conflicts.ask(B, 0, writes("a"))


def test_two_transactions_of_one_connection_have_none(conflicts: Conflicts) -> None:
    conflicts.ask(A, 0, reads("a"))
    conflicts.end(A, 0, committed=True)
    assert not conflicts.ask(A, 1, writes("a"))
    conflicts.begin()
    assert not conflicts.has(A, 1)


def test_where_they_do_not_matter_there_are_none() -> None:
    none = Conflicts(count=False)
    none.ask(A, 0, reads("a"))
    assert not none.ask(B, 0, writes("a"))
    assert not none.has(B, 0)


# The relation of PostgreSQL's SERIALIZABLE, over turns that are written here


def steps_of(*turns: tuple[str, str]) -> list[Step]:
    """What each turn did; every Call is answered at once."""
    reader, keys = Reader(SCHEMA, "postgresql"), Keys(frozenset(range(9)))
    follower = Follower(SERIALIZABLE_SNAPSHOT, reader, Learnt(), keys, Levels("SERIALIZABLE"))
    follower.begin()
    for actor, sql in turns:
        kind = Kind(sql.lower()) if sql in {"COMMIT", "ROLLBACK"} else Kind.STATEMENT
        made = call(sql, actor=actor, kind=kind)
        follower.choosing(("A", "B", "C"))
        follower.turn(Turn(actor, made, events=(Event(made, Reply("ok")),)))
    assert follower.unfit == ""
    return follower.steps


READ_R, READ_N = "SELECT v FROM r WHERE id = 1", "SELECT u FROM n WHERE id = 1"
WRITE_R, WRITE_N = "UPDATE r SET v = 1 WHERE id = 2", "UPDATE n SET u = 1 WHERE id = 2"


@pytest.mark.parametrize(
    ("turns", "depend"),
    [
        ([("A", READ_R), ("B", READ_N), ("A", READ_R), ("B", READ_N)], False),
        ([("A", READ_R), ("B", READ_R), ("A", READ_R), ("B", READ_R)], False),
        # of two that are first where they stand, one would make a conflict after the other one
        ([("A", READ_N), ("B", READ_N), ("A", WRITE_R), ("B", READ_R)], True),
        ([("A", READ_N), ("B", READ_N), ("A", WRITE_R), ("B", WRITE_R)], True),
        # who makes a conflict may have somebody refused at whatever he asks
        ([("A", READ_R), ("B", READ_N), ("A", READ_N), ("B", WRITE_R), ("A", READ_N)], True),
        # also with one that has committed since
        ([("B", READ_N), ("A", READ_R), ("A", "COMMIT"), ("C", READ_N), ("B", WRITE_R), ("C", READ_N)], True),
        ([("B", READ_N), ("A", READ_R), ("A", "ROLLBACK"), ("C", READ_N), ("B", WRITE_R), ("C", READ_N)], False),
        ([("A", READ_R), ("A", "COMMIT"), ("B", READ_N), ("C", READ_N), ("B", WRITE_R), ("C", READ_N)], False),
        # who commits with a conflict may, too
        ([("A", READ_R), ("B", READ_N), ("B", WRITE_R), ("A", "COMMIT"), ("B", READ_N)], True),
        ([("A", READ_R), ("B", READ_N), ("A", "COMMIT"), ("B", READ_N)], False),
        # an end meets beginnings, ends, and what was touched
        ([("A", READ_R), ("A", "COMMIT"), ("B", READ_N)], True),
        ([("A", READ_R), ("B", READ_N), ("A", "COMMIT"), ("B", "COMMIT")], True),
        ([("B", READ_N), ("A", READ_R), ("A", "ROLLBACK"), ("B", WRITE_R)], True),
        ([("B", READ_N), ("A", READ_R), ("A", "ROLLBACK"), ("B", WRITE_N)], False),
    ],
)
def test_when_the_last_two_steps_must_not_be_swapped(turns: list[tuple[str, str]], depend: bool) -> None:  # noqa: FBT001
    one, other = steps_of(*turns)[-2:]
    assert SERIALIZABLE_SNAPSHOT.depends(one, other) is depend is SERIALIZABLE_SNAPSHOT.depends(other, one)


@pytest.mark.parametrize("other", [READ_R, WRITE_R])
def test_two_that_make_none_where_both_stand_first_would_after_each_other(other: str) -> None:
    """A sleep set compares them as they were there."""
    begun = ("A", READ_N), ("B", READ_N)
    assert SERIALIZABLE_SNAPSHOT.depends(steps_of(*begun, ("A", WRITE_R))[-1], steps_of(*begun, ("B", other))[-1])
