"""One schedule of several callers, made again: what is shown of it, and what is said where the program does not go that way."""

from __future__ import annotations

import re
from typing import Any

import pytest

from acidity import prove
from acidity.core.report import Detail, as_text
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from tests.quality.callers import at_once, leave, look, twice, withdraw, withdraw_locked
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


@pytest.mark.dear
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


def test_faults_strike_nobody_there() -> None:
    with pytest.raises(UsageError, match="several callers at once are not struck by error-after"):
        prove.replay_together(twice(withdraw, 10), "ac1:A2!error-after.B")


# What is shown of it


def test_a_run_that_passes_is_shown() -> None:
    report = prove.replay_together(at_once(Operation(leave, 1), Operation(leave, 2)), "ac1:A2")
    assert report.verdict == "pass"
    assert report.shown is not None
    assert str(report.shown.schedule) == "ac1:A4.B2"
    assert [move.actor for move in report.shown.lanes] == [*"AAAABB"]
    assert [change for move in report.shown.lanes for change in move.committed] == ["doctors id=1 on_call 1 → 0"]
    assert list(map(str, report.shown.endings)) == ["A leave: returned True", "B leave: returned False"]
    assert list(map(str, report.shown.diff)) == ["doctors id=1 on_call 1 → 0"]
    assert len(report.shown.history) == 6
    assert prove.from_json(prove.to_json(report)) == [report]
    for detail in Detail.CARD, Detail.ALL:
        text = as_text(report, detail)
        assert text.count("COMMIT  → ok") == 1, text
        assert "told: A leave: returned True" in text
        assert "rows: doctors id=1 on_call 1 → 0" in text
    assert as_text(report, Detail.LINE).count("\n") == 0


def test_a_run_that_changes_nothing_is_shown() -> None:
    text = as_text(prove.replay_together(twice(look), "ac1:A.B"), Detail.CARD)
    assert "rows: as before" in text


def test_of_a_run_with_a_finding_only_the_answers_are_added() -> None:
    report = prove.replay_together(twice(withdraw, 10), MEETS)
    assert report.verdict == "fail"
    text = as_text(report, Detail.CARD)
    assert text.count("COMMIT  → ok") == 2
    assert "told: A withdraw: returned nothing" in text


def test_a_search_shows_no_run() -> None:
    assert prove.explore(twice(look)).shown is None
