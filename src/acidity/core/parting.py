"""A process has to end while code of the program's still runs in it: nobody unwinds, so what is there is said before.

Who has found something, or delivers it, stays here for as long as it does. The innermost is asked first, and leaves to
the next one out what it has: a check its answer until then, the command line the file that it writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Parting:
    """The end of the process.

    Attributes:
        why: what cannot be decided for its sake.
        code: the exit code.
        answer: about what is asked now, as far as it came; None where nobody has said anything.
    """

    why: str
    code: int
    answer: Any = None


Say = Callable[[Parting], None]
_saying: list[Say] = []


@contextmanager
def parting(say: Say) -> Iterator[None]:
    """While this lasts, the end of the process is told here before it comes; in whatever thread that is."""
    _saying.append(say)
    try:
        yield
    finally:
        _saying.remove(say)


def part(why: str, code: int) -> int:
    """Let everybody say what is there; gives the exit code with which the process is to be ended now."""
    end = Parting(why, code)
    for say in reversed(_saying):
        with suppress(Exception):  # whatever it stumbles over, the process ends
            say(end)
    return end.code
