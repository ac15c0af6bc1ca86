"""The text format: cards, or with -v every letter, finding and note; what a command did not cover is said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence

from acidity.core.report import LETTERS, Card, Detail, EngineInfo, LetterState, Levels, Report
from acidity.report.card import GREY, STATE_STYLES, counted, covered, label_of, rows_of, say_again, say_card, say_line
from acidity.report.finding import say_finding
from acidity.report.levels import say_levels, say_levels_in_a_line
from acidity.report.page import Page, cells
from acidity.report.rerun import Rerun, say_rerun, say_rerun_in_a_line

PLAIN_WIDTH = 120
_WHY_GREY = {
    "not stated": "no constraint is declared and no invariant was given: nothing to check",
    "not asked": "",
}
Answer = Report | Card | Rerun
Delivered = Answer | Levels


def plain(answer: Report | Card | Levels, detail: Detail = Detail.ALL) -> str:
    """One report or card without colours; what ``str(report)`` gives has every detail."""
    if isinstance(answer, Levels):
        return render([answer], color=False, width=PLAIN_WIDTH, detail=detail)
    page = Page(PLAIN_WIDTH)
    say_answer(page, answer, detail)
    if detail is Detail.ALL and (uncovered := not_covered([answer])):
        page.say((uncovered, GREY), indent=1)
    return page.render(color=False)


def render(answers: Sequence[object], *, color: bool, width: int, detail: Detail = Detail.CARD) -> str:
    """All answers, one after another, and below them, once, what they do not cover.

    Letters that `check` has not built are named once, in the last line, and on no card.
    """
    page = Page(width)
    tables = [answer for answer in answers if isinstance(answer, Levels)]
    _say_tables(page, tables, detail)
    shown = [answer for answer in answers if isinstance(answer, Answer)]
    shown += [answer for table in tables for answer in table.levels.values()]
    shared = _shared_notes(shown)
    for answer in shown if not tables or detail is Detail.ALL else ():
        if detail is not Detail.LINE:
            page.blank()
        say_answer(page, answer, detail, leave_out=shared)
    if detail is Detail.LINE:
        return page.render(color=color)
    if len(shown) > 1 and not tables:
        page.blank()
        if detail is Detail.ALL:
            _say_notes(page, shared, label="note on all of these: ")
            page.blank()
        page.say(summary(shown))
    last = [line for line in (not_covered(shown), not_built(shown)) if line]
    for line in last:
        if line is last[0]:
            page.blank()
        page.say((line, GREY))
    return page.render(color=color)


def _say_tables(page: Page, tables: Sequence[Levels], detail: Detail) -> None:
    if detail is Detail.LINE:
        for table in tables:
            say_levels_in_a_line(page, table)
    elif tables:
        say_levels(page, tables)


def not_covered(answers: Iterable[Answer]) -> str:
    """The sentence with what none of the answers says anything about; or nothing."""
    reports = [
        row
        for answer in answers
        if not isinstance(answer, Rerun)
        for _, row in rows_of(answer)
        if isinstance(row, Report)
    ]
    names = dict.fromkeys(name for report in reports for name in report.not_covered)
    return f"Not covered: {', '.join(names)}" if names else ""


def not_built(answers: Iterable[Answer]) -> str:
    """The sentence with the letters that were wanted and that `check` cannot check in this version; or nothing.

    >>> not_built([Card("bank:pay", EngineInfo("sqlite", "3"), {"A": "not asked", "D": "not built"})])
    'Not built into acidity check yet: D durable'
    """
    cards = [answer for answer in answers if isinstance(answer, Card)]
    missing = [letter for letter in LETTERS if any(_lacks(card, letter) for card in cards)]
    names = [f"{letter} {LETTERS[letter]}" for letter in missing]
    return f"Not built into acidity check yet: {', '.join(names)}" if names else ""


def _lacks(card: Card, letter: str) -> bool:
    return card.letters.get(letter) == "not built"


def say_answer(page: Page, answer: Answer, detail: Detail = Detail.ALL, *, leave_out: Container[str] = ()) -> None:
    """Put one answer on the page."""
    if isinstance(answer, Rerun):
        say_rerun_in_a_line(page, answer) if detail is Detail.LINE else say_rerun(page, answer)
    elif detail is Detail.LINE:
        say_line(page, answer)
    elif detail is Detail.CARD:
        say_card(page, answer)
    else:
        _say_all(page, answer, leave_out)


def _say_all(page: Page, answer: Report | Card, leave_out: Container[str]) -> None:
    gap = "  " if answer.target else ""
    page.say((answer.target, "bold"), (f"{gap}on {engine_line(answer.engine)}", GREY))
    page.blank()
    rows = rows_of(answer)
    state_width = max((cells(_state(row)) for _, row in rows), default=0)
    for name, row in rows:
        _say_row(page, label_of(name), row, state_width)
    page.blank()
    _say_notes(page, (note for note in notes_of(answer) if note not in leave_out), label="note: ")


def engine_line(engine: EngineInfo) -> str:
    """The engine, its version, driver and settings, in one line."""
    name = f"{engine.name} {engine.version}".strip()
    driver = f"through {engine.driver}" if engine.driver else ""
    return ", ".join(
        part for part in (name, driver, *(f"{key} {value}" for key, value in engine.settings.items())) if part
    )


def summary(answers: Sequence[Delivered]) -> str:
    """The count of verdicts: ``12 targets: 11 pass, 1 FAIL``.

    >>> summary([])
    '0 targets'
    """
    replayed = [answer.reproduced for answer in answers if isinstance(answer, Rerun | Report) and answer.expected]
    if replayed:
        return f"{counted(len(replayed), 'run')} replayed: {sum(map(bool, replayed))} reproduced what the report said"
    targets = len({answer.target for answer in answers})
    verdicts = Counter(answer.verdict for answer in answers)
    counts = [f"{verdicts[verdict]} {_loud(verdict)}" for verdict in ("pass", "fail", "unknown") if verdicts[verdict]]
    subject = counted(targets, "target")
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
    headline = row.headline or (_WHY_GREY["not stated"] if state == "not stated" else counted(row.runs, "run"))
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
    say_again(page, row, indent=hang)
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


def _say_notes(page: Page, notes: Iterable[str], *, label: str) -> None:
    for note in notes:
        page.say((note, GREY), label=label, label_style=GREY, indent=1)


def _shared_notes(answers: Sequence[Answer]) -> tuple[str, ...]:
    """Notes that every answer carries; none when there is only one answer."""
    if len(answers) < 2:
        return ()
    return tuple(note for note in notes_of(answers[0]) if all(note in notes_of(other) for other in answers[1:]))


def notes_of(answer: Answer) -> tuple[str, ...]:
    """What the reader should know beside the counts: what bounds leave out, then the notes, each once."""
    if isinstance(answer, Rerun):
        return ()
    rows = answer.letters.values() if isinstance(answer, Card) else (answer,)
    reports = [row for row in rows if isinstance(row, Report)]
    bounds = [f"{bound.name}: {bound.note}" for report in reports for bound in report.bounds if bound.note]
    return tuple(dict.fromkeys([*bounds, *(note for report in reports for note in report.notes)]))


def _state(row: Report | LetterState) -> str:
    return _loud(row.letter_state if isinstance(row, Report) else row)


def _loud(state: str) -> str:
    return "FAIL" if state == "fail" else state
