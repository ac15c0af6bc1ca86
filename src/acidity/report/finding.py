"""A `Finding` as paragraphs, with all that is known of it: the cause, the ways, the run, the rows, what was tried."""

from __future__ import annotations

from acidity.core.cause import Place
from acidity.core.finding import Finding
from acidity.report.brief import all_remedies, fate_line
from acidity.report.lanes import lane_lines
from acidity.report.page import Page
from acidity.report.rerun import say_history

INDENT = 4
STYLES = {"error": "bold red", "warning": "bold yellow"}
REPLAY = "replay: "
_HEAD = 8
_ALL = 1_000_000  # cells: nothing is left out here


def say_finding(page: Page, finding: Finding) -> None:
    """Put one finding on the page."""
    page.say(
        (finding.title, "bold"), label=f"{finding.severity}: ", label_style=STYLES[finding.severity], indent=INDENT
    )
    below = INDENT + 3
    page.say(_what_and_where(finding), indent=below)
    _say_all(page, "cause", [finding.cause] if finding.cause else [])
    for place, head in ((finding.permanent, "line"), (finding.broke, "broke")):
        _say_all(page, head, [] if place is None else _ways(place))
    _say_all(page, "rows", list(map(str, finding.diff)))
    _say_all(page, "should", [fate_line(row, _ALL) for row in finding.rows if row.should])
    for number, step in enumerate(finding.explanation, start=1):
        count = f"{number}. " if len(finding.explanation) > 1 else ""
        page.say(step, label=f"{_head('why', first=number == 1)}{count}", label_style="cyan", indent=below)
    for number, (line, style) in enumerate(lane_lines(finding.lanes)):
        head = _head("lanes", first=not number)
        page.say((line, style), label=head, label_style="cyan", indent=below, wrap=False)
    also = [f"{each} ({each.code})" for each in finding.also]
    _say_all(page, "also", [f"breaks {', '.join(also)}"] if also else [])
    _say_all(page, "see", [", ".join(finding.see)] if finding.see else [])
    if finding.history:
        page.say(("the run shown", "cyan"), indent=below)
        say_history(page, finding.history, indent=below)
    for number, (line, style) in enumerate(all_remedies(finding)):
        page.say((line, style), label=_head("fix", first=not number), label_style="cyan", indent=below)
    if finding.replay:
        page.say(finding.replay, label=REPLAY, label_style="cyan", indent=below, wrap=False)
    else:
        page.say(str(finding.schedule), label="schedule: ", label_style="cyan", indent=below, wrap=False)


def _what_and_where(finding: Finding) -> str:
    word = f"{finding.word} ({finding.anomaly})" if finding.anomaly else finding.word
    where = f" at {', then '.join(map(str, finding.sites))}" if finding.sites else ""
    often = f"; {finding.occurrences:,} runs ended like this" if finding.occurrences > 1 else ""
    if finding.rate is not None:
        often = f"; {finding.rate}"
    mode = f", shown with a {finding.mode} fault" if finding.mode else ""
    return f"{word}, {finding.code}, in {finding.operation}{where}{often}{mode}"


def _ways(place: Place) -> list[str]:
    """The line that decided, then all lines on the way, the innermost first."""
    path = place.path or (place.site,)
    return [
        f"{site} {site.function}   {site.source}".rstrip()
        + ("" if site != place.site or len(path) == 1 else "   ← decides")
        for site in path
    ]


def _say_all(page: Page, head: str, lines: list[str]) -> None:
    for number, line in enumerate(lines):
        page.say(line, label=_head(head, first=not number), label_style="cyan", indent=INDENT + 3)


def _head(text: str, *, first: bool) -> str:
    return f"{text:<{_HEAD}}" if first else " " * _HEAD
