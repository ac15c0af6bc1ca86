"""One `Finding` on a card: the line, what the user loses, the rows beside what they should be, the fix, the replay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from acidity.core.call import Site
from acidity.core.cause import Place, RowFate
from acidity.core.finding import Finding, Remedy, Tried
from acidity.report.lanes import lane_lines
from acidity.report.page import Page, cells, shortened

INDENT = 2
ROWS_MAX = 5
LANES_MAX = 10
_GREY = "bright_black"
Cells = tuple[tuple[str, object], ...]


def say_brief(page: Page, finding: Finding) -> None:
    """Put the finding on the page, in at most twenty lines of the usual width."""
    places = _places(finding)
    for place, label in places:
        _say_place(page, place, label)
    page.say((finding.title, "bold"), indent=INDENT)
    _say_lanes(page, finding)
    room = page.width - 2 * INDENT - 1
    rows = [fate_line(row, room) for row in finding.rows] or [shortened(str(row), room) for row in finding.diff]
    for row in rows[:ROWS_MAX]:
        page.say(row, indent=2 * INDENT + 1)
    if len(rows) > ROWS_MAX:
        page.say((_and_more(len(rows) - ROWS_MAX, "row"), _GREY), indent=2 * INDENT + 1)
    names = ", ".join(dict.fromkeys(str(also) for also in finding.also if str(also) != finding.word))
    if names:
        page.say(names, label="also breaks: ", label_style="cyan", indent=INDENT)
    if finding.cause:
        cause = shortened(finding.cause, page.width - INDENT - cells("cause: "))
        page.say(cause, label="cause: ", label_style="cyan", indent=INDENT)
    fix = fix_line(finding)
    if fix:
        page.say(fix, label="fix: ", label_style="green", indent=INDENT)
    replay = finding.replay or str(finding.schedule)
    page.say(replay, label="replay: ", label_style="cyan", indent=INDENT, wrap=False)


def _say_lanes(page: Page, finding: Finding) -> None:
    room = page.width - 2 * INDENT - 1
    lines = lane_lines(finding.lanes, room)
    for line, style in lines[:LANES_MAX]:
        page.say((shortened(line, room), style), indent=2 * INDENT + 1, wrap=False)
    if len(lines) > LANES_MAX:
        page.say((f"{_and_more(len(lines) - LANES_MAX, 'line')} (-v)", _GREY), indent=2 * INDENT + 1)


def _and_more(number: int, noun: str) -> str:
    return f"and {number} more {noun}{'' if number == 1 else 's'}"


def say_in_a_line(page: Page, finding: Finding) -> None:
    """Put its code, word and line on the page."""
    place = finding.permanent or finding.broke
    site = place.site if place is not None else next(iter(finding.sites), None)
    where = f" at {site}" if site is not None else f" in {finding.operation}"
    where = f" of {finding.operation}{where}" if finding.lanes and site is not None else where
    often = f", {finding.rate}" if finding.rate is not None else ""
    kind = "" if finding.severity == "error" else f" ({finding.severity})"
    text = f"{finding.code} {finding.anomaly or finding.word}{kind}{where}{often}"
    page.say(shortened(text, page.width - 2 - cells("also: ")), label="also: ", label_style="cyan", indent=INDENT)


def fix_line(finding: Finding) -> str:
    """The cheapest change that ended it, with what came of it; where none did, that."""
    remedies = finding.remedies
    for wanted in (Tried.PASSED, Tried.ENDS_THIS):
        for remedy in remedies:
            if remedy.verdict is wanted:
                note = f"; {remedy.note}" if remedy.verdict is Tried.ENDS_THIS and remedy.note else ""
                return f"{remedy.name} ({_runs(remedy)}: {remedy.result_for(finding.code)}{note})"
    failed = sum(remedy.verdict is Tried.FAILED for remedy in remedies)
    if failed:
        return f"none known: {failed} change{'' if failed == 1 else 's'} tried did not end it"
    return next((f"{remedy.name} ({remedy.result})" for remedy in remedies), "")


def _runs(remedy: Remedy) -> str:
    return f"tried in {remedy.runs:,} run{'' if remedy.runs == 1 else 's'}"


def _places(finding: Finding) -> list[tuple[Place, str]]:
    """Where it became permanent, and where it broke if that is another line, or the same one reached in another way."""
    permanent, broke = finding.permanent, finding.broke
    if permanent is None and broke is None:
        return [(Place(site, (site,)), "") for site in finding.sites[:1]]
    if permanent is None or broke is None or (broke.site, broke.way) == (permanent.site, permanent.way):
        return [(place, "") for place in (permanent or broke,) if place is not None]
    return [(permanent, ""), (broke, "broke at ")]


def _say_place(page: Page, place: Place, label: str) -> None:
    """The line with its text, and the way to it, on one line if there is room."""
    site = place.site
    line = f"{site} {site.function}".rstrip()
    source = shortened(site.source, max(page.width - INDENT - cells(label + line) - 3, 20))
    way = way_of(place)
    whole = f"{line}   {source}     {way}" if way else f"{line}   {source}"
    if cells(label + whole) + INDENT <= page.width:
        after = (f"     {way}" if way else "", _GREY)
        page.say((line, "bold"), f"   {source}", after, label=label, label_style="cyan", indent=INDENT)
        return
    page.say((line, "bold"), f"   {source}", label=label, label_style="cyan", indent=INDENT)
    if way:
        page.say((shortened(way, page.width - 2 * INDENT), _GREY), indent=2 * INDENT)


def way_of(place: Place) -> str:
    """How the line was reached: ``← reserve :24 ← place_order :34``, and before that what it calls: ``→ save :12``.

    A file is named where it changes.
    """
    lines = place.path.index(place.site) if place.site in place.path else 0
    within = _chained("→", reversed(place.path[:lines]), place.site.file)
    return " ".join([*within, *_chained("←", place.way, place.site.file)])


def _chained(arrow: str, sites: Iterable[Site], file: str) -> Iterator[str]:
    for site in sites:
        where = f":{site.line}" if site.file == file else str(site)
        yield f"{arrow} {site.function} {where}" if site.function else f"{arrow} {where}"
        file = site.file


def fate_line(row: RowFate, room: int) -> str:
    """A row as it is, and in brackets what it should be: ``items 1   stock 10 → 8   (should be 10)``."""
    name = f"{row.table} {_key(row.key)}".rstrip()
    should = _should(row)
    tail = f"   (should be {should})" if should else ""
    head = f"{name}   {_now(row)}"
    return f"{shortened(head, max(room - cells(tail), room // 2))}{shortened(tail, room // 2)}"


def _key(key: Cells) -> str:
    return str(key[0][1]) if len(key) == 1 else " ".join(f"{column}={value}" for column, value in key)


def _now(row: RowFate) -> str:
    before, now = row.before, row.now
    if now is None:
        return "gone" if before is not None else "not there" if row.should[:1] == (None,) else "missing"
    if before is None:
        return f"new: {_listed(now, but=row.key)}"
    known = dict(before)
    changed = [f"{column} {known[column]} → {value}" for column, value in now if not _same(known.get(column), value)]
    return ", ".join(changed) or f"as before: {_listed(now, but=row.key)}"


def _should(row: RowFate) -> str:
    return ", or ".join(dict.fromkeys(_wanted(row, cells_) for cells_ in row.should))


def _wanted(row: RowFate, wanted: Cells | None) -> str:
    """What would have been right: only what differs from what is there."""
    if wanted is None:
        return "absent" if row.now is not None else "as it is"
    if row.now is None:
        return f"there: {_listed(wanted, but=row.key)}"
    now = dict(row.now)
    differs = [(column, value) for column, value in wanted if not _same(now.get(column), value)]
    if len(differs) == 1 and len(_changed(row)) <= 1:
        return str(differs[0][1])
    return ", ".join(f"{column} {value}" for column, value in differs) or "as it is"


def _changed(row: RowFate) -> list[str]:
    known = dict(row.before or ())
    return [column for column, value in row.now or () if not _same(known.get(column), value)]


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _listed(row: Cells, *, but: Cells) -> str:
    keys = {column for column, _ in but}
    return ", ".join(f"{column} {value}" for column, value in row if column not in keys) or "nothing else"


def all_remedies(finding: Finding) -> list[tuple[str, str]]:
    """What was tried, as (line, style): what passed first, the cheapest of it at the top."""
    order = list(Tried)
    lines = []
    for remedy in sorted(finding.remedies, key=lambda each: order.index(each.verdict)):
        note = f"; {remedy.note}" if remedy.note and remedy.verdict is not Tried.NOT_TRIED else ""
        by = ", by whoever calls it" if remedy.by_caller else ""
        tried = "" if remedy.verdict is Tried.NOT_TRIED else f"{_runs(remedy)}: "
        style = {Tried.PASSED: "green", Tried.NOT_TRIED: _GREY}.get(remedy.verdict, "")
        lines.append((f"{remedy.name}{by} ({tried}{remedy.result_for(finding.code)}{note})", style))
    return lines
