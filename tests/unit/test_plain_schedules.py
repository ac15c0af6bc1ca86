"""Which schedule is the plainest: fewest turns, then fewest switches, then fewest waits, then the earliest caller."""

from __future__ import annotations

from itertools import pairwise

from acidity.core.turn import Trace, Turn
from acidity.prove.explore.search import plainness, rank


def trace(grants: str, waits: str = "", ended: str = "") -> Trace:
    """Turns of callers A and B; in those with a cross the caller waits, and where it says so only the other can go."""
    crosses, alone = waits.ljust(len(grants)), ended.ljust(len(grants))
    turns = tuple(Turn(name, None, waits=cross == "x") for name, cross in zip(grants, crosses, strict=True))
    enabled = tuple((name,) if one == "x" else ("A", "B") for name, one in zip(grants, alone, strict=True))
    return Trace(turns, enabled)


def test_runs_are_in_this_order() -> None:
    in_order = [
        trace("AAABBB", ended="   xxx"),
        trace("AAABBB"),
        trace("BBBAAA"),
        trace("AAABBB", waits="  x"),
        trace("AABBBA"),
        trace("ABABAB"),
        trace("AAABBBB", ended="   xxxx"),
    ]
    assert all(plainness(one) < plainness(other) for one, other in pairwise(in_order))


def test_schedules_that_were_not_run_are_in_this_order() -> None:
    in_order = ["AAABBB", "BBBAAA", "AABBBA", "ABABAB", "AAABBBB"]
    assert all(rank(tuple(one)) < rank(tuple(other)) for one, other in pairwise(in_order))
