"""Runs that could not be judged for one reason are one line, whatever their number."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from acidity.prove.explore.explore import undecided


@pytest.mark.parametrize(
    ("runs", "line"),
    [
        ([("A", "B")], "ac1:A.B: nobody knows"),
        ([("A", "B"), ("A", "B")], "ac1:A.B: nobody knows"),
        ([("A", "B"), ("B", "A"), ("A", "A", "B")], "ac1:A.B and 2 more: nobody knows"),
        ([()], "nobody knows"),
    ],
)
def test_a_reason_is_said_once(runs: list[Sequence[str]], line: str) -> None:
    assert undecided("nobody knows", runs) == line
