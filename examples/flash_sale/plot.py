"""A plot of bars as SVG, in plain text: one panel for each group, the same scale for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, log10
from xml.sax.saxutils import escape

LABEL, BARS, VALUE = 220, 420, 90  # px: widths of names, bars and numbers
ROW, BAR, HEAD, TOP, FOOT = 26, 16, 34, 64, 52  # px: heights
COLOURS = ("#1b6ca8", "#c2571a", "#3d8b40", "#7a4fa3", "#8a6d1d", "#a33b5c")
INK, FAINT = "#222222", "#6b6b6b"
MOST_TICKS = 5

Groups = Mapping[str, Mapping[str, float | None]]


def bars(title: str, subtitle: str, unit: str, groups: Groups) -> str:
    """Horizontal bars.

    Args:
        title: above all.
        subtitle: what was measured, below it.
        unit: of the numbers, below the axis.
        groups: panel, name of the bar, and its number; None where there is none.

    Returns:
        A whole document, which needs no font, style or script from anywhere.

    Example:
        >>> "<svg" in bars("Speed", "today", "km/h", {"train": {"fast": 300.0, "slow": None}})
        True
    """
    numbers = [number for group in groups.values() for number in group.values() if number is not None]
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    scale = ticks(max(numbers, default=1.0))
    width = LABEL + BARS + VALUE
    bottom = TOP + sum(HEAD + ROW * len(group) for group in groups.values())
    parts = [text(16, 26, title, size=18, weight="bold"), text(16, 48, subtitle, colour=FAINT)]
    parts += axis(scale, bottom, unit)
    top = TOP
    for panel, group in groups.items():
        parts.append(text(16, top + 24, panel, size=14, weight="bold"))
        top += HEAD
        parts += grid(scale, top, top + ROW * len(group))
        for name, number in group.items():
            parts += bar(name, number, top, scale[-1], COLOURS[names.index(name) % len(COLOURS)])
            top += ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + FOOT}" width="{width}" '
        f'height="{bottom + FOOT}" role="img" font-family="sans-serif" font-size="13">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def ticks(most: float) -> Sequence[float]:
    """Round numbers from 0 to one that is not below `most`, at most five steps.

    >>> ticks(812), ticks(0.9)
    ([0, 200, 400, 600, 800, 1000], [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0])
    """
    power: float = 10 ** floor(log10(most / MOST_TICKS))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * MOST_TICKS >= most)
    count = next(each for each in range(1, MOST_TICKS + 1) if each * step >= most)
    return [each * step for each in range(count + 1)]


def axis(scale: Sequence[float], bottom: int, unit: str) -> list[str]:
    """The numbers below the last panel, and what they count."""
    numbers = [
        text(place(number, scale[-1]), bottom + 18, f"{number:,.4g}", FAINT, anchor="middle") for number in scale
    ]
    return [*numbers, text(LABEL + BARS / 2, bottom + 40, unit, FAINT, anchor="middle")]


def grid(scale: Sequence[float], top: int, bottom: int) -> list[str]:
    """A line at each number, from the top of a panel to its bottom; none through its heading."""
    return [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="#dddddd"/>'
        for x in (place(number, scale[-1]) for number in scale)
    ]


def place(number: float, most: float) -> float:
    """Where the axis has a number."""
    return LABEL + BARS * number / most


def bar(name: str, number: float | None, top: float, most: float, colour: str) -> list[str]:
    """The name of a bar, the bar, and its number."""
    middle = top + ROW / 2 + 4
    named = text(LABEL - 10, middle, name, anchor="end")
    if number is None:
        return [named, text(LABEL + 6, middle, "not applicable", FAINT, style="italic")]
    end = place(number, most)
    return [
        named,
        f'<rect x="{LABEL}" y="{top + (ROW - BAR) / 2}" width="{end - LABEL:.1f}" height="{BAR}" fill="{colour}"/>',
        text(end + 6, middle, f"{number:,.0f}"),
    ]


def text(
    x: float,
    y: float,
    words: str,
    colour: str = INK,
    *,
    size: int = 13,
    anchor: str = "start",
    weight: str = "normal",
    style: str = "normal",
) -> str:
    """One line of text, on white where a line of the grid is behind it."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" text-anchor="{anchor}" '
        f'font-weight="{weight}" font-style="{style}" stroke="#ffffff" stroke-width="3" paint-order="stroke">'
        f"{escape(words)}</text>"
    )
