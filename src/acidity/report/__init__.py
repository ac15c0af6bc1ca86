"""The output formats: each renders answers (`Report`, `Card`, a replayed run) and decides nothing.

A new format is one file with a ``render`` function and one line in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from acidity.core.registry import Registry
from acidity.core.report import Detail

__all__ = ["FORMATS", "Format"]


class Format(Protocol):
    """What a format has to be: answers in, text out."""

    def __call__(self, answers: Sequence[object], *, color: bool, width: int, detail: Detail = Detail.CARD) -> str:
        """Render the answers; formats for machines have every detail, and ignore `color` and `width`."""
        ...


FORMATS: Registry[Format] = Registry(
    "formats",
    {
        "text": "acidity.report.text:render",
        "json": "acidity.report.json:render",
    },
)
