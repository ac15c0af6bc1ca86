"""PCT: the same seed chooses the same, every step by priority, and what it promises it keeps."""

from __future__ import annotations

from fractions import Fraction

import pytest

from acidity.prove.explore.pct import Pct


def run_of(chosen: Pct, lengths: dict[str, int]) -> str:
    """One run of callers with so many turns each."""
    left, found = dict(lengths), ""
    while able := tuple(name for name, turns in left.items() if turns):
        name = chosen(len(found), able)
        left[name] -= 1
        found += name
    return found


def runs_of(seed: int, number: int, depth: int = 3) -> list[str]:
    chosen = Pct("ABC", 9, seed, depth)
    found = []
    for _ in range(number):
        chosen.begin()
        found.append(run_of(chosen, {"A": 3, "B": 3, "C": 3}))
    return found


def test_same_seed_same_schedules() -> None:
    assert runs_of(7, 50) == runs_of(7, 50)
    assert runs_of(7, 50) != runs_of(8, 50)


def test_a_run_that_is_made_again_is_the_same() -> None:
    chosen = Pct("AB", 6, 1)
    for _ in range(20):
        chosen.begin()
        assert run_of(chosen, {"A": 3, "B": 3}) == run_of(chosen, {"A": 3, "B": 3})


def test_the_bound_is_that_of_the_paper() -> None:
    assert Pct("ABC", 16, 0).bound == Fraction(1, 3 * 16**2)
    assert Pct("AB", 10, 0, depth=2).described().endswith("a fault of depth 2 with a chance of 1/20 or more")


@pytest.mark.parametrize(
    ("depth", "is_met"),
    [
        (1, lambda run: run.index("C") < run.index("A")),
        (2, lambda run: run.index("A") < run.index("C") and run.rindex("C") < run.rindex("A")),
        (3, lambda run: "AB" in run and "BC" in run and "CA" in run),
    ],
)
def test_what_it_promises_it_keeps(depth: int, is_met: object) -> None:
    """A fault of a depth is met at least as often as the bound says."""
    assert callable(is_met)
    found = runs_of(3, 2000, depth)
    assert sum(map(is_met, found)) / len(found) >= Pct("ABC", 9, 3, depth).bound


def test_depth_one_never_lets_anybody_fall_behind() -> None:
    assert {run.count("AB") + run.count("BA") + run.count("BC") + run.count("CB") + run.count("AC") + run.count("CA")
            for run in runs_of(1, 100, depth=1)} == {2}  # fmt: skip
