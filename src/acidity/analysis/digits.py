"""The numbers in a value: a number, or the runs of digits in a text."""

from __future__ import annotations

import re
from typing import Any

_RUN = re.compile(r"([0-9]+)")


def numbers_in(value: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is around the runs of digits in a value, and these; without any for a value that is no number and no text.

    >>> numbers_in("2030-00017"), numbers_in(17)
    ((('', '-', ''), ('2030', '00017')), (('number',), ('17',)))
    """
    if type(value) is int:
        return ("number",), (str(value),)
    pieces = _RUN.split(value) if isinstance(value, str) else []
    return tuple(pieces[::2]), tuple(pieces[1::2])
