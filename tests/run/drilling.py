"""The drill of PROVE with chosen faults and without remedies, for programs that are right or wrong as a whole."""

from __future__ import annotations

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Scenario


def drilled(scenario: Scenario, db: str, *faults: str) -> Report:
    """What is said of it.

    Args:
        scenario: what.
        db: the engine.
        faults: only these; none for all.
    """
    return prove.drill(scenario, db=db, faults=faults or None, remedies=False)


def passes(scenario: Scenario, db: str, *faults: str) -> Report:
    """It is right, about nothing undecided."""
    report = drilled(scenario, db, *faults)
    report.raise_for_findings()
    return report


def words(scenario: Scenario, db: str, *faults: str) -> set[str]:
    """What is wrong with it; an answer is expected."""
    report = drilled(scenario, db, *faults)
    assert not report.unknowns, report
    return {word for found in report.findings for word in found.errors}
