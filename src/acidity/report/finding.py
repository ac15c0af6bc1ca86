"""A `Finding` as paragraphs: the user's terms first, then the standard word, the evidence and what helped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from acidity.core.finding import Finding, Remedy, Tried
from acidity.core.lane import Move
from acidity.report.page import Page

INDENT = 4
STYLES = {"error": "bold red", "warning": "bold yellow"}
REPLAY = "replay: "


def say_finding(page: Page, finding: Finding) -> None:
    """Put one finding on the page."""
    page.say(
        (finding.title, "bold"), label=f"{finding.severity}: ", label_style=STYLES[finding.severity], indent=INDENT
    )
    below = INDENT + 3
    page.say(_what_and_where(finding), indent=below)
    for number, change in enumerate(finding.diff):
        page.say(str(change), label="rows    " if number == 0 else " " * 8, label_style="cyan", indent=below)
    for number, step in enumerate(finding.explanation, start=1):
        head = "why     " if number == 1 else " " * 8
        count = f"{number}. " if len(finding.explanation) > 1 else ""
        page.say(step, label=f"{head}{count}", label_style="cyan", indent=below)
    for number, (line, style) in enumerate(lane_lines(finding.lanes)):
        page.say(
            (line, style), label="lanes   " if number == 0 else " " * 8, label_style="cyan", indent=below, wrap=False
        )
    for line, style in remedy_lines(finding.remedies):
        page.say((line, style), indent=below)
    if finding.replay:
        page.say(finding.replay, label=REPLAY, label_style="cyan", indent=below, wrap=False)
    else:
        page.say(str(finding.schedule), label="schedule: ", label_style="cyan", indent=below, wrap=False)


def lane_lines(moves: Sequence[Move]) -> list[tuple[str, str]]:
    """The moves of several callers as (line, style): a column for each caller, in which a dotted line stands for one
    who waits, then what was done, where, and what came of it; below it what was committed.
    """
    names = sorted({move.actor for move in moves})
    where = max((len(str(move.site or "")) for move in moves), default=0)
    lines = []
    for move in moves:
        columns = " ".join(name if name == move.actor else "┆" if name in move.blocked else "│" for name in names)
        site = f"{move.site or ''!s:<{where}}"
        lines.append((f"{columns}  {site}  {move.does}  → {move.result}", ""))
        margin = " ".join("┆" if name in move.blocked else "│" for name in names)
        lines += [(f"{margin}  {'':<{where}}  committed: {change}", "green") for change in move.committed]
    return lines


def _what_and_where(finding: Finding) -> str:
    word = f"{finding.word} ({finding.anomaly})" if finding.anomaly else finding.word
    where = f" at {', then '.join(map(str, finding.sites))}" if finding.sites else ""
    often = f"; {finding.occurrences:,} runs ended like this" if finding.occurrences > 1 else ""
    return f"{word}, {finding.code}, in {finding.operation}{where}{often}"


def remedy_lines(remedies: Iterable[Remedy]) -> list[tuple[str, str]]:
    """What was tried, as (line, style): the cheapest change that passed first, then the others."""
    remedies = tuple(remedies)
    passed = [remedy for remedy in remedies if remedy.verdict is Tried.PASSED]
    lines = [(f"cheapest change that passed: {_tried(remedy)}", "green") for remedy in passed[:1]]
    lines += [(f"also passed: {_tried(remedy)}", "") for remedy in passed[1:]]
    lines += [(f"ends this: {_tried(remedy)}", "") for remedy in remedies if remedy.verdict is Tried.ENDS_THIS]
    lines += [(f"did not end it: {_tried(remedy)}", "") for remedy in remedies if remedy.verdict is Tried.FAILED]
    lines += [
        (f"not tried: {_reason(remedy)}", "bright_black") for remedy in remedies if remedy.verdict is Tried.NOT_TRIED
    ]
    return lines


def _tried(remedy: Remedy) -> str:
    runs = f"tried in {remedy.runs:,} run{'' if remedy.runs == 1 else 's'}"
    return f"{remedy.name} ({runs}{'; ' if remedy.note else ''}{remedy.note})"


def _reason(remedy: Remedy) -> str:
    return f"{remedy.name} ({remedy.note})" if remedy.note else remedy.name
