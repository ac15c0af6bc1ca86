"""The findings of several groups of callers are told once each, and none of them stands for a graver one."""

from __future__ import annotations

from acidity.core.call import Site
from acidity.core.finding import LEFT, TOLD, Finding
from acidity.core.options import CheckOptions
from acidity.core.report import EngineInfo
from acidity.core.schedule import Schedule
from acidity.prove.explore.explored import Explored, Group
from acidity.prove.explore.letter import isolation_report

LINE = Site("app.py", 1, "book")


def found(title: str, wrong: str, *, anomaly: str = "", code: str = "ACI309", severity: str = "error") -> Finding:
    return Finding(
        code=code,
        severity=severity,  # type: ignore[arg-type]
        title=title,
        word="not serial",
        anomaly=anomaly,
        operation="book and book",
        schedule=Schedule.parse("ac1:A"),
        sites=(LINE,),
        wrong=wrong,
    )


def told(*groups: list[Finding]) -> list[tuple[str, int]]:
    """The findings that are reported of these groups: their titles, and how many runs ended like each."""
    every = [Group((0, 0), ("book", "book"), findings=findings) for findings in groups]
    report = isolation_report(Explored(EngineInfo("", ""), groups=every), CheckOptions())
    return [(finding.title, finding.occurrences) for finding in report.findings]


def test_what_differs_in_the_arguments_alone_is_one() -> None:
    assert told([found("one", LEFT)], [found("other", LEFT)]) == [("one", 2)]


def test_wrong_rows_are_told_beside_what_only_an_answer_shows_and_before_it() -> None:
    assert told([found("failed", TOLD)], [found("overbooked", LEFT)]) == [("overbooked", 1), ("failed", 1)]


def test_what_has_a_name_is_one_cause_and_shown_by_the_gravest() -> None:
    failed, overbooked = found("failed", TOLD, anomaly="phantom"), found("overbooked", LEFT, anomaly="phantom")
    assert told([failed], [overbooked]) == [("overbooked", 2)]


def test_each_rule_that_does_not_hold_is_told() -> None:
    nobody_owes, kept = (found(rule, rule, code="ACI318") for rule in ("nobody owes", "money is kept"))
    warning = found("only looks odd", "", code="ACI318", severity="warning")
    both = [("nobody owes", 1), ("money is kept", 1), ("only looks odd", 1)]
    assert told([warning], [nobody_owes, kept]) == both
