"""Several callers at once as a picture: a column for each of them, and a line for each thing that was done."""

from __future__ import annotations

from collections.abc import Sequence

from acidity.core.lane import Move
from acidity.core.shown import ShownRun
from acidity.report.page import Page, cells, shortened

_DOES_MIN = 12  # columns


def say_run(page: Page, run: ShownRun, *, indent: int, whole: bool) -> None:
    """Put a run of several callers on the page: what each was told, and lanes and rows unless a finding shows them."""
    for line, style in lane_lines(run.lanes) if whole else ():
        page.say((line, style), indent=indent + 3, wrap=False)
    for number, ending in enumerate(run.endings):
        page.say(str(ending), label="told: " if not number else "      ", label_style="cyan", indent=indent)
    for number, change in enumerate(run.diff or ("as before",) if whole else ()):
        page.say(str(change), label="rows: " if not number else "      ", label_style="cyan", indent=indent)


def lane_lines(moves: Sequence[Move], room: int | None = None) -> list[tuple[str, str]]:
    """The moves of several callers as (line, style): a column for each caller, in which a dotted line stands for one
    who waits, then what was done, where, and what came of it; below it what was committed.

    Args:
        moves: in their order.
        room: columns for a line; where there are too few, what was done is shortened before what came of it.
    """
    names = sorted({move.actor for move in moves})
    where = max((len(str(move.site or "")) for move in moves), default=0)
    lines = []
    for move in moves:
        columns = " ".join(name if name == move.actor else "┆" if name in move.blocked else "│" for name in names)
        site = f"{move.site or ''!s:<{where}}"
        before, after = f"{columns}  {site}  ", f"  → {move.result}"
        left = None if room is None else max(room - cells(before) - cells(after), _DOES_MIN)
        lines.append((f"{before}{move.does if left is None else shortened(move.does, left)}{after}", ""))
        margin = " ".join("┆" if name in move.blocked else "│" for name in names)
        lines += [(f"{margin}  {'':<{where}}  committed: {change}", "green") for change in move.committed]
    return lines
