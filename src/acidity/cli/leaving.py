"""A polite kill (SIGTERM, SIGHUP) becomes an exit that unwinds the stack, so that throw-away databases are dropped."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from acidity.errors import Terminated

_told: list[int] = []


@contextmanager
def signals_as_exits() -> Iterator[None]:
    """While this lasts, a polite kill raises Terminated (a SystemExit) where the program stands."""
    polite = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
    old = {number: signal.signal(number, _leave) for number in polite}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        _told.clear()


def leave_if_told() -> None:
    """Leave now if a polite kill came earlier: the function under test may have swallowed its exception.

    Raises:
        Terminated: it came.
    """
    if _told:
        raise Terminated(128 + _told[0])


class _Leave:
    """The handler of a polite kill.

    Attributes:
        ends_at_once: this process is the command line's, so a second signal may end it without cleaning up.
    """

    ends_at_once = True

    def __call__(self, number: int, _frame: object) -> NoReturn:
        """Remember it, in case the exception gets lost."""
        _told.append(number)
        raise Terminated(128 + number)


_leave = _Leave()
