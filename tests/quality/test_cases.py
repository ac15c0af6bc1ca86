"""Faults that others reported in public: the drill says of each what the report says, and passes its right twin."""

from __future__ import annotations

from importlib import import_module

import pytest

from acidity import prove
from acidity.core.finding import Tried
from tests.quality.cases import Case

MODULES = ("answered", "reconnected", "skipped", "altered", "pooled", "mailed", "one_caller", "indexed")
CASES = [
    pytest.param(case, db, id=f"{case.name}-{'-'.join(case.faults)}-{db}")
    for module in MODULES
    for case in import_module(f"tests.quality.cases.{module}").CASES
    for db in case.engines
]


@pytest.mark.one_engine
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
    "case", [each.values[0] for each in CASES if each.values[0].remedy and each.values[1] == "sqlite"]
)
def test_the_change_that_helps_is_tried_and_said_to(case: Case) -> None:
    report = prove.drill(case.described(), db="sqlite", faults=("error-before", *case.faults))
    remedies = [remedy for found in report.findings if found.kind is case.kind for remedy in found.remedies]
    tried = [remedy.verdict for remedy in remedies if remedy.key == case.remedy]
    assert tried, str(report)
    assert {*tried} <= {Tried.PASSED, Tried.ENDS_THIS}, str(report)
