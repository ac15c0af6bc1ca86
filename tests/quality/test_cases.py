"""Faults that others reported in public: the drill says of each what the report says, and passes its right twin."""

from __future__ import annotations

from importlib import import_module

import pytest

from acidity import prove
from tests.quality.cases import Case

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
