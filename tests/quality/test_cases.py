"""Faults that others reported in public: the drill says of each what the report says, and passes its right twin."""

from __future__ import annotations

from importlib import import_module

import pytest

from acidity import prove
from acidity.core.finding import Tried
from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from tests.quality.cases import Case
from tests.quality.cases.one_caller import SCENARIO, TOGETHER
from tests.tiers import ENGINES

MODULES = ("answered", "reconnected", "skipped", "altered", "pooled", "mailed", "one_caller", "indexed")
CASES = [
    pytest.param(case, db, id=f"{case.name}-{'-'.join(case.faults)}-{db}")
    for module in MODULES
    for case in import_module(f"tests.quality.cases.{module}").CASES
    for db in case.engines
]


@pytest.mark.parametrize(("case", "db"), CASES)
def test_the_drill_says_what_was_reported(case: Case, db: str) -> None:
    report = prove.drill(case.described(), db=db, faults=case.faults, remedies=False)
    words = {word for finding in report.findings for word in finding.errors}
    assert (words, report.unknowns) == (case.expected(db), ()), str(report)
    assert report.verdict == ("fail" if words else "pass")
    if case.kind is not None:
        found = next((found for found in report.findings if found.kind is case.kind), None)
        assert found is not None, str(report)
        assert found.permanent is not None
        assert case.marker in found.permanent.site.source, found.permanent


@pytest.mark.parametrize(
    ("operations", "expected", "db"),
    [
        pytest.param(operations, said[db], db, id=f"{operations[0].name}-{db}")
        for operations, said in TOGETHER
        for db in ENGINES
    ],
)
@pytest.mark.one_server
def test_letter_i_says_what_takes_two_callers(
    operations: tuple[Operation, ...], expected: tuple[str, set[str]], db: str
) -> None:
    card = prove.check(Scenario(*operations, **SCENARIO), db=db, letters="I")
    report = card.letters["I"]
    assert isinstance(report, Report)
    assert (card.verdict, {finding.code for finding in report.findings}) == expected, str(card)
    for finding in report.findings:
        assert finding.severity == ("warning" if finding.code == "ACI310" else "error")
        assert finding.code == "ACI301" or ("A waits at" in finding.title and "B waits at" in finding.title)
        assert str(finding.sites[0]) in str(card)


@pytest.mark.parametrize(
    "case", [each.values[0] for each in CASES if each.values[0].remedy and each.values[1] == "sqlite"]
)
def test_the_change_that_helps_is_tried_and_said_to(case: Case) -> None:
    report = prove.drill(case.described(), db="sqlite", faults=("error-before", *case.faults))
    remedies = [remedy for found in report.findings if found.kind is case.kind for remedy in found.remedies]
    tried = [remedy.verdict for remedy in remedies if remedy.key == case.remedy]
    assert tried, str(report)
    assert {*tried} <= {Tried.PASSED, Tried.ENDS_THIS}, str(report)
