"""A polite kill (SIGTERM, SIGHUP) becomes an exit that unwinds the stack, so that throw-away databases are dropped.

Python drops an exception that comes in a destructor or a callback of the garbage collector, and prints it; one that a
signal raised there is remembered, like one that the function under test has swallowed.
"""

from __future__ import annotations

import atexit
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

from acidity.core.exits import is_struck
from acidity.errors import Terminated

_told: list[int] = []


@contextmanager
def signals_as_exits() -> Iterator[None]:
    """While this lasts, a polite kill raises Terminated (a SystemExit) where the program stands."""
    polite = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
    old = {number: signal.signal(number, _leave) for number in polite}
    hook = sys.unraisablehook
    sys.unraisablehook = partial(_remember, hook)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in old.items():
            signal.signal(number, handler)
        _told.clear()


def end_undisturbed() -> None:
    """From the end of Python on, with everything said, a signal stops nothing but the stopping of servers."""
    atexit.unregister(_turn_deaf)
    atexit.register(_turn_deaf)


def _turn_deaf() -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, signal.SIG_IGN)


def _remember(otherwise: Callable[[Any], Any], lost: Any) -> None:
    """An exception was dropped."""
    if isinstance(lost.exc_value, KeyboardInterrupt):
        if not is_struck(lost.exc_value):  # a fault of a run stops no check
            _told.append(signal.SIGINT)
    elif not isinstance(lost.exc_value, Terminated):  # that one is known
        otherwise(lost)


def leave_if_told() -> None:
    """Leave now if a signal came earlier whose exception was lost: the function under test may have swallowed it.

    Raises:
        KeyboardInterrupt: it was Ctrl-C.
        Terminated: it was a polite kill.
    """
    if _told:
        raise KeyboardInterrupt if _told[0] == signal.SIGINT else Terminated(128 + _told[0])


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
