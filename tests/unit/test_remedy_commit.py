"""After which Calls the remedy against a missing COMMIT commits: the last writes that nobody commits, on each connection,
or the ends of the savepoints that these are in.
"""

from __future__ import annotations

import pytest

from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.prove.remedies.base import Patient
from acidity.prove.remedies.commit import TRIAL, never_committed

KINDS = {"c": Kind.COMMIT, "s": Kind.SAVEPOINT, "e": Kind.RELEASE, "b": Kind.ROLLBACK_TO}


def history(*calls: str) -> tuple[Event, ...]:
    """``w1`` writes on connection 1, ``f1`` fails to, ``c1`` commits, ``r1`` reads, ``a1`` commits by itself; ``s1`` sets
    a savepoint there, ``e1`` releases it, ``b1`` rolls back to it.
    """
    found = []
    for index, (what, wire) in enumerate(calls, 1):
        kind = KINDS.get(what, Kind.STATEMENT)
        writes = Writes.YES if what in "wfa" else Writes.NO
        call = Call("A", index, kind, connection=int(wire), writes=writes, autocommit=what == "a")
        found.append(Event(call, Reply("error" if what == "f" else "ok")))
    return tuple(found)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (("w1", "w1", "r1"), {2}),
        (("w1", "c1"), set()),
        (("w1", "c1", "w1"), {3}),
        (("w1", "w2", "c1"), {2}),
        (("w1", "w2"), {1, 2}),
        (("a1", "f1"), set()),
        (("r1",), set()),
        (("s1", "w1", "e1"), {3}),
        (("s1", "w1", "e1", "s1", "w1", "e1", "r1"), {6}),
        (("s1", "s1", "w1", "e1", "e1"), {5}),
        (("w1", "s1", "w1", "b1"), {4}),
        (("w1", "s1"), {1}),
        (("s1", "r1", "e1"), set()),
        (("w1", "s2", "e2"), {1}),
        (("s1", "w1", "e1", "c1"), set()),
    ],
)
def test_the_last_writes_that_nobody_commits(calls: tuple[str, ...], expected: set[int]) -> None:
    made = history(*calls)
    assert never_committed(made) == {number: made[number - 1].call.kind for number in expected}
    assert (TRIAL.misfit(Patient(made)) is None) is bool(expected)
