"""The life cycle of a transaction, read off Histories."""

from __future__ import annotations

import pytest

from acidity.core.call import Call, Event, Kind, Reply
from acidity.core.life import LifeState, lived

A, P, C, F, X = LifeState
SELECT = UPDATE = Kind.STATEMENT


def states(*steps):
    """Each step is (kind, status), or (kind, status, connection, autocommit), and a status may have a code."""
    events = []
    for number, (kind, said, *more) in enumerate(steps, start=1):
        connection, autocommit = (*more, *(1, False)[len(more) :])
        status, _, code = said.partition(" ")
        call = Call("A", number, kind, "…", connection=connection, autocommit=autocommit)
        events.append(Event(call, Reply(status, code=code)))
    return [step.state for step in lived(events)]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], []),
        ([(SELECT, "ok"), (UPDATE, "ok"), (Kind.COMMIT, "ok")], [A, P, C]),
        ([(UPDATE, "ok"), (UPDATE, "error"), (Kind.ROLLBACK, "ok")], [A, F, X]),
        ([(UPDATE, "ok"), (Kind.COMMIT, "error"), (Kind.ROLLBACK, "ok")], [P, F, X]),
        ([(UPDATE, "ok"), (Kind.COMMIT, "unknown")], [P, P]),
        ([(UPDATE, "ok"), (Kind.PREPARE, "ok"), (Kind.COMMIT, "ok")], [A, P, C]),
        ([(UPDATE, "ok", 1, True), (UPDATE, "error", 1, True)], [C, F]),
        ([(UPDATE, "error"), (UPDATE, "ok"), (Kind.COMMIT, "ok")], [F, P, C]),
        ([(Kind.BEGIN, "ok"), (Kind.SAVEPOINT, "ok"), (Kind.ROLLBACK_TO, "ok")], [A, A, A]),
        ([(UPDATE, "ok", 1), (UPDATE, "ok", 2), (Kind.COMMIT, "ok", 2)], [A, P, C]),
        ([(UPDATE, "ok"), (Kind.EFFECT, "ok"), (Kind.COMMIT, "ok")], [P, None, C]),
        ([(UPDATE, "ok"), (Kind.ROLLBACK, "error")], [A, F]),
        ([(UPDATE, "error 23505"), (UPDATE, "error 25P02"), (Kind.COMMIT, "ok")], [F, F, X]),
        ([(UPDATE, "error 23505"), (Kind.EFFECT, "ok"), (Kind.COMMIT, "ok")], [F, None, X]),
        ([(UPDATE, "error 23505"), (Kind.PREPARE, "ok")], [F, X]),
        ([(UPDATE, "error 23505"), (Kind.COMMIT, "unknown")], [F, P]),
        ([(UPDATE, "error 23505"), (Kind.ROLLBACK_TO, "ok"), (Kind.COMMIT, "ok")], [F, P, C]),
        ([(UPDATE, "error 23505", 1), (UPDATE, "ok", 2), (Kind.COMMIT, "ok", 2)], [F, P, C]),
        ([(UPDATE, "error 23505", 1, True), (Kind.BEGIN, "ok"), (Kind.COMMIT, "ok")], [F, P, C]),
        ([(UPDATE, "error 23505", 1, True), (Kind.COMMIT, "ok")], [F, C]),
        ([(UPDATE, "error 1062"), (Kind.COMMIT, "ok")], [F, C]),
        ([(UPDATE, "error SQLITE_CONSTRAINT_PRIMARYKEY"), (Kind.COMMIT, "ok")], [F, C]),
    ],
)
def test_the_state_after_each_step(steps, expected):
    assert states(*steps) == expected


def test_connections_of_two_callers_are_apart_though_each_has_a_first_one():
    """A begins, and B commits while A is at work."""
    steps = [("A", SELECT), ("B", UPDATE), ("A", UPDATE), ("B", Kind.COMMIT), ("A", UPDATE), ("A", Kind.COMMIT)]
    events = [Event(Call(actor, 1, kind, connection=1), Reply("ok")) for actor, kind in steps]
    assert [step.state for step in lived(events)] == [A, P, A, C, P, C]
