"""``faults=`` and ``remedies=``: what strikes and what is tried is what was asked for, and the report says so."""

from __future__ import annotations

import pytest

from acidity import prove
from tests.quality import operations as ops
from tests.quality.controls import Control, said

TORN = Control(ops.two_commits, frozenset({"torn"}))


def test_only_the_named_faults_strike_and_the_bound_says_so() -> None:
    report = TORN.drilled(faults=["answer-lost", "error-before"], remedies=False)
    assert said(report) == {"torn"}
    assert report.runs == sum(bound.covered for bound in report.bounds if bound.name == "runs")
    assert {found.schedule.choices[0].fault for found in report.findings} <= {"answer-lost", "error-before"}
    (faults,) = [bound for bound in report.bounds if bound.name == "faults"]
    assert (faults.covered, faults.note) == (2, "simulated: answer-lost; no others were asked for")


@pytest.mark.dear
def test_remedies_are_tried_unless_asked_not_to() -> None:
    tried, untried = (TORN.drilled(faults=["error-before"], remedies=remedies) for remedies in (True, False))
    assert said(tried) == said(untried) == {"torn"}
    assert any(found.remedies for found in tried.findings)
    assert not any(found.remedies for found in untried.findings)


def test_a_fault_that_fits_no_call_is_no_pass() -> None:
    """Nothing was struck, so nothing is known."""
    report = prove.drill(TORN.scenario(), faults=["effect-before"], remedies=False)
    assert report.verdict == "unknown"
    assert "none of the faults that were asked for fits a Call" in report.unknowns[0]
