"""After which writes the remedy against a missing COMMIT commits: the last ones that nobody commits, on each connection."""

from __future__ import annotations

import pytest

from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.prove.remedies.base import Patient
from acidity.prove.remedies.commit import TRIAL, never_committed


def history(*calls: str) -> tuple[Event, ...]:
    """``w1`` writes on connection 1, ``f1`` fails to, ``c1`` commits, ``r1`` reads, ``a1`` commits by itself."""
    found = []
    for index, (what, wire) in enumerate(calls, 1):
        kind = Kind.COMMIT if what == "c" else Kind.STATEMENT
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
    ],
)
def test_the_last_writes_that_nobody_commits(calls: tuple[str, ...], expected: set[int]) -> None:
    made = history(*calls)
    assert never_committed(made) == expected
    assert (TRIAL.misfit(Patient(made)) is None) is bool(expected)
