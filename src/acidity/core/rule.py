"""What the answer of an invariant says."""

from __future__ import annotations

import inspect
import reprlib
from typing import Any


def holds(answer: Any) -> bool | None:
    """Whether an invariant holds that has answered this; None where the answer says neither.

    A database without a type for truth answers 1 and 0, and a rule that only raises answers nothing.

    Args:
        answer: what it returned.

    >>> holds(True), holds(0), holds(None), holds([])
    (True, False, True, None)
    """
    if answer is None:
        return True
    if isinstance(answer, int) or type(answer).__name__ in {"bool", "bool_"}:  # of NumPy, by both its names
        return bool(answer) if answer in {0, 1} else None
    return None


def says_neither(name: str, answer: Any) -> str:
    """Why an answer is none, in words; a coroutine is closed.

    Args:
        name: of the invariant.
        answer: what it returned.
    """
    if inspect.iscoroutine(answer):
        answer.close()
        return f"{name} is a coroutine: an invariant is a plain function, also beside async code"
    return f"{name} returned {reprlib.repr(answer)}: an invariant returns True or False, or raises where it is broken"
