"""The table of a check at each isolation level: a line for each engine, the weakest level that passes first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from acidity.core.report import Card, Levels, Report
from acidity.report.card import GREY, STATE_STYLES, reports_of
from acidity.report.page import Page, cells

INDENT = 2
_NONE, _UNDECIDED = "none", "undecided"
_HEAD = "weakest that passes"


def say_levels(page: Page, answers: Sequence[Levels]) -> None:
    """Put the table on the page, target by target, and below each what is wrong at which level."""
    names = [_engine(each) for each in answers]
    first = max((cells(name) for name in names), default=0) + 2
    levels = list(dict.fromkeys(level for each in answers for level in each.levels))
    levels.sort(key=lambda level: max(list(each.levels).index(level) for each in answers if level in each.levels))
    for target, group in groupby(answers, key=lambda each: each.target):
        rows = list(group)
        page.blank()
        page.say((target, "bold"))
        heads = "".join(f"{level:<{cells(level) + 2}}" for level in levels)
        page.say((f"{'':<{first}}{_HEAD:<{len(_HEAD) + 2}}{heads}", GREY), indent=INDENT, wrap=False)
        for row in rows:
            _say_row(page, row, levels, first)
        for line in dict.fromkeys(line for row in rows for line in _why(row)):
            page.say((line, GREY), indent=INDENT)


def _say_row(page: Page, row: Levels, levels: Sequence[str], first: int) -> None:
    spans: list[str | tuple[str, str]] = [
        f"{_engine(row):<{first}}",
        (f"{_weakest(row):<{len(_HEAD) + 2}}", "bold"),
    ]
    for level in levels:
        answer = row.levels.get(level)
        state = "" if answer is None else answer.verdict
        text = "FAIL" if state == "fail" else state
        spans.append((f"{text:<{cells(level) + 2}}", STATE_STYLES.get(state, "")))
    page.say(*spans, indent=INDENT, wrap=False)


def say_levels_in_a_line(page: Page, answer: Levels) -> None:
    """``bank:pay  postgresql 18.1  weakest that passes: REPEATABLE READ``."""
    spans = (answer.target, "bold"), f"  {_engine(answer)}  {_HEAD}: ", (_weakest(answer), "bold")
    page.say(*spans, wrap=False)


def _weakest(answer: Levels) -> str:
    """The level; where none passes, whether one still may."""
    if answer.weakest is not None:
        return answer.weakest
    undecided = any(each.verdict == "unknown" for each in answer.levels.values())
    return _UNDECIDED if undecided else _NONE


def _engine(answer: Levels) -> str:
    return f"{answer.engine.name} {answer.engine.version}".strip()


def _why(answer: Levels) -> Iterator[str]:
    """What is wrong, undecided, or set by an operation itself, at each level."""
    for level, each in answer.levels.items():
        found = dict.fromkeys(
            finding.anomaly or finding.word
            for report in reports_of(each)
            for finding in report.findings
            if finding.severity == "error"
        )
        said = [*found, *(f"undecided: {why}" for why in _unknowns(each)[:1])]
        if said:
            yield f"{_engine(answer)}, {level}: {', '.join(said)}"
        own = dict.fromkeys(text for report in reports_of(each) for text in report.own_levels)
        yield from (f"{_engine(answer)}, {level}: {text}" for text in own)


def _unknowns(answer: Report | Card) -> list[str]:
    return [why for report in reports_of(answer) for why in report.unknowns] if answer.verdict == "unknown" else []
