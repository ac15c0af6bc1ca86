"""A card: a headline for the target, one finding in full and the others in a line each; or a line for each letter."""

from __future__ import annotations

from dataclasses import dataclass

from acidity.core.codes import CODES
from acidity.core.finding import Finding
from acidity.core.outcome import Rows
from acidity.core.report import LETTERS, Bound, Card, LetterState, Report
from acidity.report.brief import say_brief, say_in_a_line
from acidity.report.lanes import say_run
from acidity.report.page import Page, cells

GREY = "bright_black"
STATE_STYLES = {"pass": "green", "fail": "bold red", "unknown": "bold yellow"}
INDENT = 2
OTHERS_MAX = 4
UNKNOWNS_MAX = 3
_QUIET_COUNTS = frozenset({Rows.BEFORE, Rows.AFTER, Rows.LEGAL})
Answer = Report | Card
Row = tuple[str, Report | LetterState]


@dataclass(frozen=True, slots=True)
class Told:
    """The findings of an answer in the order in which they are told.

    Attributes:
        letter: whose it is.
        finding: the finding.
    """

    letter: str
    finding: Finding


def say_card(page: Page, answer: Answer) -> None:
    """Put the card on the page, in at most twenty-five lines of the usual width."""
    _say_headline(page, answer)
    if answer.verdict == "fail":
        told = told_findings(answer)
        _say_findings(page, told)
        if told[0].finding.lanes:
            page.say((_report_of(answer, told[0]).headline, GREY), indent=INDENT)
        _say_again(page, answer)
        _say_unknowns(page, answer)
        return
    for name, row in rows_of(answer):
        if isinstance(row, Report) or row == "not stated":
            _say_row(page, name, row)
    _say_again(page, answer)
    _say_unknowns(page, answer)


def _say_again(page: Page, answer: Answer) -> None:
    for report in reports_of(answer):
        say_again(page, report, indent=INDENT)


def say_again(page: Page, report: Report, *, indent: int) -> None:
    """Put on the page what there is to say of a run only because it was asked for once more."""
    if report.shown is not None:
        say_run(page, report.shown, indent=indent, whole=report.verdict != "fail")
    for word in report.expected:
        said = f"reproduced: {word}" if report.shows(word) else f"not reproduced: it said {word!r}"
        page.say(said, label="the report: ", label_style="cyan", indent=indent)


def say_line(page: Page, answer: Answer) -> None:
    """Put nothing but the headline on the page, in one line whatever its length."""
    _say_headline(page, answer, wrap=False)


def rows_of(answer: Answer) -> list[Row]:
    """The letters of a card, without those that are not built; of a report, its check."""
    if isinstance(answer, Report):
        return [(answer.check, answer)]
    return [(letter, row) for letter, row in answer.letters.items() if row != "not built"]


def label_of(name: str) -> str:
    """A letter with what it stands for; the name of a check as it is."""
    return f"{name}  {LETTERS[name]:<10}" if name in LETTERS else name


def reports_of(answer: Answer) -> list[Report]:
    """The reports of an answer."""
    return [row for _, row in rows_of(answer) if isinstance(row, Report)]


def told_findings(answer: Answer) -> list[Told]:
    """Errors first, and of them what is wrong without any fault; what another letter tells of a cause is left out."""
    found = [
        Told(_letter_of(answer, name, finding), finding)
        for name, row in rows_of(answer)
        if isinstance(row, Report)
        for finding in row.findings
        if not any(_is_error(answer, place) for place in finding.see)
    ]
    return sorted(found, key=lambda each: (each.finding.severity != "error", bool(each.finding.schedule.choices)))


def _is_error(answer: Answer, place: str) -> bool:
    """Whether there is an error at a place such as ``A.1``; a warning cannot stand for the error that refers to it."""
    name, _, number = place.partition(".")
    report = dict(rows_of(answer)).get(name)
    findings = report.findings if isinstance(report, Report) else ()
    return any(str(count) == number and each.severity == "error" for count, each in enumerate(findings, start=1))


def _letter_of(answer: Answer, name: str, finding: Finding) -> str:
    if isinstance(answer, Card):
        return name
    return CODES[finding.code].letter if finding.code in CODES else ""


def _say_headline(page: Page, answer: Answer, *, wrap: bool = True) -> None:
    """Target, verdict, what is wrong, and where there is room, where it ran and how many runs ended badly."""
    verdict = answer.verdict
    state = "FAIL" if verdict == "fail" else verdict
    what = _what_is_wrong(answer) if verdict == "fail" else _warnings(answer)
    what = f"  {what}" if what else ""
    gap = "  " if answer.target else ""
    head = cells(f"{answer.target}{gap}{state}{what}") + 2
    facts = _facts(answer)
    while facts and head + cells(" · ".join(facts)) > page.width:
        facts.pop()
    text = " · ".join(facts)
    wide = " " * max(2, min(6, page.width - head - cells(text) + 2)) if text else ""
    spans = (answer.target, "bold"), gap, (state, STATE_STYLES[verdict]), what, (f"{wide}{text}", GREY)
    page.say(*spans, wrap=wrap)


def _facts(answer: Answer) -> list[str]:
    """Where it ran; of what passed the settings, of the others how many runs, and how many ended in each bad way."""
    engine = answer.engine
    name = f"{engine.name} {engine.version}".strip()
    if answer.verdict == "pass":
        driver = [f"through {engine.driver}"] if engine.driver else []
        return [name, *driver, *(f"{key} {value}" for key, value in engine.settings.items())]
    reports = reports_of(answer)
    told = next((report for report in reports if report.verdict == answer.verdict), None)
    runs = counted(told.runs if told is not None else 0, "run")
    counts = told.counts if told is not None else {}
    return [name, runs, *(f"{count:,} {key}" for key, count in counts.items() if count and key not in _QUIET_COUNTS)]


def _warnings(answer: Answer) -> str:
    """``1 warning: ACI208 failed after commit (-v)``; nothing where nothing is to be said."""
    found = [told.finding for told in told_findings(answer)]
    if not found:
        return ""
    names = ", ".join(dict.fromkeys(f"{finding.code} {finding.word}" for finding in found))
    return f"{counted(len(found), 'warning')}: {names} (-v)"


def _what_is_wrong(answer: Answer) -> str:
    """``not atomic (torn, ACI201)``, and for each other letter that fails its name."""
    texts: dict[str, str] = {}
    for told in told_findings(answer):
        name = f"not {LETTERS[told.letter]}" if told.letter in LETTERS else "wrong"
        if told.finding.severity == "error":
            texts.setdefault(name, f"{name} ({_word(told.finding)}, {told.finding.code})")
    failing = {name for name, row in rows_of(answer) if isinstance(row, Report) and row.verdict == "fail"}
    if isinstance(answer, Card):
        for letter in sorted(failing & LETTERS.keys()):
            texts.setdefault(f"not {LETTERS[letter]}", f"not {LETTERS[letter]}")
    return ", ".join(texts.values())


def _word(finding: Finding) -> str:
    """The name of the anomaly, or the word without what a code adds to it."""
    if finding.anomaly:
        return finding.anomaly
    code = CODES.get(finding.code)
    return code.word if code is not None and finding.word.startswith(code.word) else finding.word


def _say_findings(page: Page, told: list[Told]) -> None:
    shown, others = told[0], told[1:]
    say_brief(page, shown.finding)
    _say_others(page, others)
    code = shown.finding.code
    count = f"1 of {len(told)} findings in full; " if others else ""
    page.say((f"{count}with -v: all, coverage, notes; acidity explain {code}", GREY), indent=INDENT)


def _report_of(answer: Answer, told: Told) -> Report:
    """The report in which a finding stands."""
    return next(report for report in reports_of(answer) if told.finding in report.findings)


def _say_others(page: Page, others: list[Told]) -> None:
    for told in others[:OTHERS_MAX]:
        say_in_a_line(page, told.finding)
    if len(others) > OTHERS_MAX:
        page.say((f"and {len(others) - OTHERS_MAX} more", GREY), indent=INDENT)


def _say_unknowns(page: Page, answer: Answer) -> None:
    reasons = list(dict.fromkeys(reason for report in reports_of(answer) for reason in report.unknowns))
    for reason in reasons[:UNKNOWNS_MAX]:
        page.say(reason, label="undecided: ", label_style="yellow", indent=INDENT)
    if len(reasons) > UNKNOWNS_MAX:
        page.say((f"and {len(reasons) - UNKNOWNS_MAX} more reasons (-v)", GREY), indent=INDENT)


def _say_row(page: Page, name: str, row: Report | LetterState) -> None:
    """A letter in one line, with its bound in numbers."""
    state = row.letter_state if isinstance(row, Report) else row
    label = f"{label_of(name)} {state:<7} "
    if not isinstance(row, Report) or state == "not stated":
        text = "no constraint is declared and no invariant was given"
    else:
        bounds = " · ".join(covered(bound) for bound in row.bounds)
        ended = " · ".join(f"{count:,} {key}" for key, count in row.counts.items() if count)
        text = (f"{bounds}: {ended}" if ended and bounds else bounds or ended) if row.classifier else row.headline
        text = text or counted(row.runs, "run")
        room = page.width - cells(label) - INDENT - cells(text) - 3
        text += f"   {row.classifier}" if row.classifier and cells(row.classifier) <= room else ""
    page.say(text, label=label, label_style=STATE_STYLES.get(state, GREY), indent=INDENT)


def covered(bound: Bound) -> str:
    """A Bound in words; its note stands with the others.

    >>> covered(Bound("runs", 63, 63))
    '63 of 63 runs'
    >>> covered(Bound("faults", 1, 1))
    '1 of 1 fault'
    >>> covered(Bound("classes of schedules", 1, 1))
    '1 of 1 class of schedules'
    """
    of, last = ("", bound.covered) if bound.total is None else (f" of {bound.total:,}", bound.total)
    return f"{bound.covered:,}{of} {_one_of(bound.name) if last == 1 else bound.name}"


def _one_of(plural: str) -> str:
    noun, of, what = plural.partition(" of ")
    return f"{noun.removesuffix('es' if noun.endswith('sses') else 's')}{of}{what}"


def counted(number: int, noun: str) -> str:
    """``1 run``, ``63 runs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
