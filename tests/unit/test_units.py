"""Between which Calls of a run another caller may go on, if it is to be an order of transactions."""

from __future__ import annotations

from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.core.turn import Turn
from acidity.prove.explore.units import Units

READ, COMMIT, ROLLBACK = Kind.STATEMENT, Kind.COMMIT, Kind.ROLLBACK


def call(actor: str, kind: Kind, connection: int = 1, *, autocommit: bool = False) -> Call:
    writes = Writes.YES if autocommit else Writes.NO
    return Call(actor, 1, kind, connection=connection, autocommit=autocommit, writes=writes)


def turn(made: Call, *, waits: bool = False, failed: bool = False) -> Turn:
    events = () if waits else (Event(made, Reply("error" if failed else "ok")),)
    return Turn(made.actor, made, waits=waits, waiting={made.actor: frozenset("A")} if waits else {}, events=events)


def seen(*turns: Turn) -> Units:
    units = Units()
    for each in turns:
        units.before_turn(("A", "B"))
        units.after_turn(each)
    return units


def test_a_transaction_ends_with_commit_or_rollback() -> None:
    assert not seen(turn(call("A", READ))).between("A")
    for end in (COMMIT, ROLLBACK):
        units = seen(turn(call("A", READ)), turn(call("A", end)))
        assert (units.between("A"), units.order, units.mixed) == (True, ("A",), False)


def test_a_commit_that_failed_ends_nothing_before_it_is_rolled_back() -> None:
    units = seen(turn(call("A", READ)), turn(call("A", COMMIT), failed=True))
    assert not units.between("A")
    units.after_turn(turn(call("A", ROLLBACK)))
    assert (units.between("A"), units.order) == (True, ("A",))


def test_a_write_that_commits_by_itself_ends_what_was_read_before() -> None:
    units = seen(turn(call("A", READ)), turn(call("A", READ, autocommit=True)), turn(call("A", READ, autocommit=True)))
    assert (units.between("A"), units.order) == (True, ("A", "A"))


def test_a_rollback_of_nothing_is_no_transaction() -> None:
    units = seen(turn(call("A", ROLLBACK)))
    assert (units.order, [each.kind for each in units.idle]) == ((), [ROLLBACK])


def test_a_caller_with_two_connections_is_between_when_both_have_ended() -> None:
    units = seen(turn(call("A", READ)), turn(call("A", READ, 2)), turn(call("A", COMMIT, 2)))
    assert not units.between("A")


def test_two_at_once_are_no_order() -> None:
    assert seen(turn(call("A", READ)), turn(call("B", READ))).mixed
    assert seen(turn(call("A", READ)), turn(call("B", READ, autocommit=True))).mixed
    assert not seen(turn(call("A", READ)), turn(call("A", COMMIT)), turn(call("B", READ))).mixed


def test_who_waits_for_a_lock_of_the_database_has_begun() -> None:
    assert seen(turn(call("B", READ), waits=True)).mixed


def test_what_a_caller_leaves_open_ends_with_it() -> None:
    units = seen(turn(call("A", READ)))
    units.before_turn(("B",))
    assert (units.between("A"), units.order) == (True, ("A",))
