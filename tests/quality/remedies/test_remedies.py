"""Each remedy is shown as passing where a rewrite by hand passes, and never where it does not end the finding."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from acidity import prove
from acidity.core.finding import Remedy, Tried
from acidity.core.report import Report
from acidity.prove import Effect, Operation, Scenario
from tests.quality.remedies import programs, programs_async
from tests.quality.remedies.tables import shop

FAULTS = ("error-before", "connection-lost", "commit-left-open", "effect-before", "effect-after")
SIDES = {"sync": programs, "async": programs_async}
# The remedy, the program that it mends, the same rewritten by hand, and one that it does not mend.
TABLE = {
    "one-commit": ("two_commits", "in_one_commit", "two_commits_and_the_error_hidden"),
    "roll-back-after-failed-commit": ("stock_commit", "rolled_back_by_hand", "noted_after_the_failure"),
    "roll-back-on-error": ("committed_in_finally", "committed_if_clean", "told_ok_whatever_came"),
    "begin": ("written_in_autocommit", "begun_by_hand", "autocommit_notes_the_failure"),
    "savepoint-per-row": ("skipped_with_a_rollback", "skipped_with_a_savepoint", "counted_too_early"),
    "effect-after-commit": ("mailed_before", "mailed_after", "mailed_before"),
}


def scenario(side: ModuleType, remedy: str, name: str, *, mends: bool = True) -> Scenario:
    function = getattr(side, name)
    options: dict[str, Any] = {"inject": "dsn"} if function.__code__.co_varnames[0] == "dsn" else {}
    if remedy == "savepoint-per-row":
        operation = Operation(function, partial=("lines",), succeeded=lambda _: True, **options)
        return shop(operation, invariants=[programs.counts_fit])
    if remedy == "effect-after-commit":
        settle = {"settle": side.send_what_is_not_mailed} if mends else {}
        return shop(Operation(function, **options), effects=[Effect(side.mail, key=lambda order: order)], **settle)
    return shop(Operation(function, **options))


def drilled(case: Scenario, *, remedies: bool = True) -> Report:
    return prove.drill(case, db="sqlite", faults=FAULTS, remedies=remedies)


def tried(report: Report, key: str) -> list[Remedy]:
    return [remedy for finding in report.findings for remedy in finding.remedies if remedy.key == key]


@pytest.mark.parametrize("key", TABLE)
@pytest.mark.parametrize("side", SIDES)
def test_a_change_that_is_shown_as_passing_passes_by_hand(side: str, key: str) -> None:
    wrong, right, _ = TABLE[key]
    report = drilled(scenario(SIDES[side], key, wrong))
    found = tried(report, key)
    assert report.verdict == "fail"
    assert found, str(report)
    assert {remedy.verdict for remedy in found} <= {Tried.PASSED, Tried.ENDS_THIS}, str(report)
    mended = drilled(scenario(SIDES[side], key, right), remedies=False)
    assert mended.verdict == "pass" or key == "one-commit", str(mended)


@pytest.mark.parametrize("key", TABLE)
@pytest.mark.parametrize("side", SIDES)
def test_a_change_that_does_not_end_it_is_said_not_to(side: str, key: str) -> None:
    report = drilled(scenario(SIDES[side], key, TABLE[key][2], mends=False))
    found = tried(report, key)
    assert found, str(report)
    assert {remedy.verdict for remedy in found} == {Tried.FAILED}, str(report)
