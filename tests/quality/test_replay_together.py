"""One schedule of several callers, made again: what becomes of it where the program does not go that way."""

from __future__ import annotations

import re
from typing import Any

import pytest

from acidity import prove
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from tests.quality.callers import at_once, twice, withdraw, withdraw_locked
from tests.tiers import SERVERS

MEETS = "ac1:A.B3.A2"  # B goes all the way after A has read


def why_not(scenario: Scenario, schedule: str, **options: Any) -> str:
    """Why it was not made."""
    report = prove.replay_together(scenario, schedule, **options)
    assert (report.verdict != "pass", report.runs) == (True, 0), str(report)
    (unknown,) = report.unknowns  # also where what took place until then shows something
    assert "not deterministic" not in unknown
    assert "if the program has changed since, acidity explore finds its schedules" in unknown
    return unknown


@pytest.mark.parametrize("db", SERVERS)
def test_whoever_waits_for_the_lock_of_another_caller(db: str) -> None:
    """The schedule of the lost update, after the program was mended by a lock."""
    said = why_not(twice(withdraw_locked, 10), MEETS, db=db)
    waits = r"at turn 3 B waits for (A|the database) at tests/quality/callers\.py:"  # MariaDB need not say for whom
    assert re.search(rf"{MEETS}: this schedule cannot be followed: {waits}", said)


@pytest.mark.parametrize(("schedule", "turn", "name"), [("ac1:A4.B", 4, "A"), ("ac1:B.A3.B3", 7, "B")])
def test_whoever_has_made_all_its_calls(schedule: str, turn: int, name: str) -> None:
    said = why_not(twice(withdraw, 10), schedule)
    assert f"{schedule}: this schedule cannot be followed: at turn {turn} {name} has already ended" in said


def test_a_caller_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="speaks of C; there are 2 callers: A, B"):
        prove.replay_together(twice(withdraw, 10), "ac1:A.C.B")
    with pytest.raises(UsageError, match="speaks of C; there are 2 callers"):
        prove.replay_together(at_once(*[Operation(withdraw, each) for each in (1, 2, 3)]), "ac1:A.C", callers=(0, 2))
