"""A finding is told of the fewest callers that show one of the same name."""

from __future__ import annotations

from collections.abc import Mapping

from acidity.core.call import Site
from acidity.core.finding import LEFT, TOLD, Finding
from acidity.core.schedule import Schedule
from acidity.prove.explore.fewer import Callers, of_fewest


def found(anomaly: str, title: str, line: int = 1, severity: str = "error", wrong: str = LEFT) -> Finding:
    return Finding(
        code="ACI301" if anomaly else "ACI309",
        severity=severity,  # type: ignore[arg-type]
        title=title,
        word="not serial",
        anomaly=anomaly,
        operation="",
        schedule=Schedule.parse("ac1:A"),
        sites=(Site("app.py", line, "f"),),
        wrong=wrong,
    )


class Explorer:
    """Says what it is told to find, and keeps whom it was asked for."""

    def __init__(self, known: Mapping[Callers, list[Finding]]) -> None:
        self.known, self.asked = known, []  # type: ignore[var-annotated]

    def __call__(self, callers: Callers) -> list[Finding]:
        self.asked.append(callers)
        return self.known.get(callers, [])


def titles(findings: list[Finding], callers: Callers, explorer: Explorer) -> list[str]:
    return [finding.title for finding in of_fewest(findings, callers, explorer)]


def test_two_are_told_of_where_two_suffice() -> None:
    explorer = Explorer({(0, 2): [found("lost update", "of two")]})
    assert titles([found("lost update", "of three")], (0, 1, 2), explorer) == ["of two"]
    assert explorer.asked == [(0, 1), (0, 2)]


def test_three_are_told_of_where_it_takes_three() -> None:
    explorer = Explorer({(0, 2): [found("write skew", "of two")], (0, 1, 3): [found("lost update", "of three")]})
    assert titles([found("lost update", "of four")], (0, 1, 2, 3), explorer) == ["of three"]
    assert titles([found("G2", "of three")], (0, 1, 2), explorer) == ["of three"]


def test_what_has_no_name_is_the_same_in_the_same_lines() -> None:
    explorer = Explorer({(0, 1): [found("", "elsewhere", 2)], (0, 2): [found("", "there")]})
    assert titles([found("", "of three")], (0, 1, 2), explorer) == ["there"]


def test_what_two_are_told_does_not_stand_for_what_three_leave() -> None:
    explorer = Explorer({(0, 1): [found("", "told to two", wrong=TOLD)]})
    assert titles([found("", "left by three")], (0, 1, 2), explorer) == ["left by three"]


def test_the_same_operations_are_tried_once() -> None:
    explorer = Explorer({})
    assert titles([found("lost update", "of three")], (0, 0, 0), explorer) == ["of three"]
    assert explorer.asked == [(0, 0)]


def test_nothing_is_tried_for_two_callers_or_a_warning() -> None:
    explorer = Explorer({})
    assert titles([found("lost update", "of two")], (0, 1), explorer) == ["of two"]
    assert titles([found("", "a warning", severity="warning")], (0, 1, 2), explorer) == ["a warning"]
    assert explorer.asked == []
