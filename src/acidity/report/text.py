"""The text format: a card with one row per letter, what was found below each, and what a pass covers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from acidity.core.report import LETTERS, Bound, Card, EngineInfo, LetterState, Report
from acidity.report.finding import say_finding
from acidity.report.page import Page, cells
from acidity.report.rerun import Rerun, say_rerun

PLAIN_WIDTH = 120
GREY = "bright_black"
STATE_STYLES = {"pass": "green", "fail": "bold red", "unknown": "bold yellow"}
_WHY_GREY = {
    "not stated": "no constraint is declared and no invariant was given: nothing to check",
    "not asked": "",
    "not built": "this version of acidity cannot check it yet",
}
Answer = Report | Card | Rerun


def plain(answer: Report | Card) -> str:
    """One report or card without colours; what ``str(report)`` gives."""
    return render([answer], color=False, width=PLAIN_WIDTH)


def render(answers: Sequence[object], *, color: bool, width: int) -> str:
    """All answers, one after another; with more than one, what they share is said once, then they are counted."""
    page = Page(width)
    shown = [answer for answer in answers if isinstance(answer, Answer)]
    shared = _shared_notes(shown)
    for answer in shown:
        page.blank()
        say_answer(page, answer, leave_out=shared)
    if len(shown) > 1:
        page.blank()
        _say_notes(page, shared, label="note on all of these: ")
        page.blank()
        page.say(summary(shown))
    return page.render(color=color)


def say_answer(page: Page, answer: Answer, *, leave_out: frozenset[str] = frozenset()) -> None:
    """Put one answer on the page."""
    if isinstance(answer, Rerun):
        say_rerun(page, answer)
        return
    page.say((answer.target, "bold"), (f"  on {engine_line(answer.engine)}", GREY))
    page.blank()
    rows: list[tuple[str, Report | LetterState]] = (
        [(f"{letter}  {LETTERS.get(letter, ''):<10}", answer.letters[letter]) for letter in answer.letters]
        if isinstance(answer, Card)
        else [(answer.check, answer)]
    )
    state_width = max(cells(_state(row)) for _, row in rows)
    for name, row in rows:
        _say_row(page, name, row, state_width)
    page.blank()
    notes = [note for _, row in rows if isinstance(row, Report) for note in row.notes]
    _say_notes(page, (note for note in dict.fromkeys(notes) if note not in leave_out), label="note: ")


def engine_line(engine: EngineInfo) -> str:
    """The engine, its version, driver and settings, in one line."""
    name = f"{engine.name} {engine.version}".strip()
    driver = f"through {engine.driver}" if engine.driver else ""
    return ", ".join(
        part for part in (name, driver, *(f"{key} {value}" for key, value in engine.settings.items())) if part
    )


def summary(answers: Sequence[Answer]) -> str:
    """The count of verdicts: ``12 targets: 11 pass, 1 FAIL``.

    >>> summary([])
    '0 targets'
    """
    targets = len({answer.target for answer in answers})
    verdicts = Counter(answer.verdict for answer in answers)
    counts = [f"{verdicts[verdict]} {_loud(verdict)}" for verdict in ("pass", "fail", "unknown") if verdicts[verdict]]
    subject = _count(targets, "target")
    if len(answers) != targets:
        subject = f"{len(answers)} answers on {subject}"
    return f"{subject}: {', '.join(counts)}" if counts else subject


def _say_row(page: Page, name: str, row: Report | LetterState, state_width: int) -> None:
    state = _state(row)
    label = f" {name}  {state:<{state_width}}   "
    style = STATE_STYLES.get(state.lower(), GREY)
    if not isinstance(row, Report):
        page.say((_WHY_GREY[row], GREY), label=label, label_style=style)
        return
    hang = cells(label)
    headline = row.headline or (_WHY_GREY["not stated"] if state == "not stated" else _count(row.runs, "run"))
    one_line = f"{headline}     {row.classifier}"
    if row.classifier and hang + cells(one_line) <= page.width:
        page.say(one_line, label=label, label_style=style)
    else:
        page.say(headline, label=label, label_style=style)
        if row.classifier:
            page.say(row.classifier, indent=hang)
    for reason in row.unknowns:
        page.say(reason, label="undecided: ", label_style="yellow", indent=hang)
    if row.bounds:
        _say_covers(page, row, hang)
    for finding in row.findings:
        page.blank()
        say_finding(page, finding)
    if row.findings:
        page.blank()


def _say_covers(page: Page, report: Report, indent: int) -> None:
    parts = [covered(bound) for bound in report.bounds]
    if report.seed:
        parts.append(f"seed {report.seed}")
    page.say((" · ".join(parts), GREY), label="covers: ", label_style=GREY, indent=indent)


def covered(bound: Bound) -> str:
    """A Bound in words.

    >>> covered(Bound("runs", 63, 63, "no process kills"))
    '63 of 63 runs (no process kills)'
    """
    total = "" if bound.total is None else f" of {bound.total:,}"
    note = f" ({bound.note})" if bound.note else ""
    return f"{bound.covered:,}{total} {bound.name}{note}"


def _say_notes(page: Page, notes: Iterable[str], *, label: str) -> None:
    for note in notes:
        page.say((note, GREY), label=label, label_style=GREY, indent=1)


def _shared_notes(answers: Sequence[Answer]) -> frozenset[str]:
    """Notes that every answer carries; none when there is only one answer."""
    if len(answers) < 2:  # noqa: PLR2004
        return frozenset()
    return frozenset.intersection(*(frozenset(_notes(answer)) for answer in answers))


def _notes(answer: Answer) -> list[str]:
    if isinstance(answer, Card):
        return [note for row in answer.letters.values() if isinstance(row, Report) for note in row.notes]
    return list(answer.notes) if isinstance(answer, Report) else []


def _state(row: Report | LetterState) -> str:
    return _loud(row.letter_state if isinstance(row, Report) else row)


def _loud(state: str) -> str:
    return "FAIL" if state == "fail" else state


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
