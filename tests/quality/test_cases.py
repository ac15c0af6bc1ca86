"""Faults that others reported in public: the drill says of each what the report says, and passes its right twin."""

from __future__ import annotations

import pytest

from acidity import prove
from acidity.core.finding import Tried
from tests.quality.cases import Case, cases
from tests.tiers import mostly_slow

CASES = cases()


def named(case: Case) -> str:
    return f"{case.name}-{case.db}"


@pytest.mark.dear
@pytest.mark.one_in(5)
@pytest.mark.one_engine
@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_drill_says_what_was_reported(case: Case) -> None:
    report = prove.drill(case.described, db=case.db, faults=case.faults, remedies=False)
    words = frozenset(word for finding in report.findings for word in finding.errors)
    assert (report.verdict, words, report.unknowns) == (case.verdict, case.words, ()), str(report)
    if case.cause is not None:
        found = next((found for found in report.findings if found.kind is case.cause), None)
        assert found is not None, str(report)
        assert found.permanent is not None
        assert found.permanent.site.source == case.line, found.permanent


def test_what_fails_has_a_cause_and_a_line() -> None:
    for case in CASES:
        fails = case.verdict == "fail"
        assert (bool(case.words), case.cause is not None, bool(case.line)) == (fails, fails, fails), case.name


HELPED = [case for case in CASES if case.remedy and case.db == "sqlite"]
DEAR = "mailed:commits_to_note_the_mail"  # three changes, tried alone and together


@pytest.mark.dear
@pytest.mark.one_in(5)
@pytest.mark.parametrize("case", mostly_slow(*(case for case in HELPED if case.name != DEAR), of=HELPED), ids=named)
def test_the_change_that_helps_is_tried_and_said_to(case: Case) -> None:
    report = prove.drill(case.described, db="sqlite", faults=("error-before", *case.faults))
    remedies = [remedy for found in report.findings if found.kind is case.cause for remedy in found.remedies]
    tried = [remedy.verdict for remedy in remedies if remedy.key == case.remedy]
    assert tried, str(report)
    assert {*tried} <= {Tried.PASSED, Tried.ENDS_THIS}, str(report)
