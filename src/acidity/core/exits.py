"""Code of the user's that acidity calls wants to end the process: that is a mistake in it, and not the end of a check.

`sys.exit` raises, as everything else that fails does. `os._exit` and the functions of `os` that put another program in
the place of this one raise nothing and leave no word: the exit code of a check would be whatever they say.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from acidity.errors import Terminated

end_at_once = os._exit  # for acidity itself, also while another one is in its place
_AT_ONCE = ("_exit", "execv", "execve")  # the other functions of `os.exec*` call these


_STRUCK = "acidity struck"  # no name that a program could give


def strikes_with(error: KeyboardInterrupt) -> None:
    """This Ctrl-C is a fault of a run, wherever it may get lost, and not the user's."""
    vars(error)[_STRUCK] = True


def is_struck(error: BaseException | None) -> bool:
    """Whether this Ctrl-C, or what was handled when it was raised, is a fault of a run.

    >>> is_struck(KeyboardInterrupt())
    False
    """
    while error is not None and _STRUCK not in vars(error):
        error = error.__context__
    return error is not None


class Exited(Exception):  # noqa: N818 - what happened, in the words of a report
    """It called `sys.exit`."""


class ExitedAtOnce(SystemExit):
    """It called what ends the process at once, and was kept from it; the message is the call."""


@contextmanager
def exits_as_errors() -> Iterator[None]:
    """What calls `sys.exit` in this context fails like anything else that fails.

    Raises:
        Exited: it did.

    >>> with exits_as_errors():
    ...     raise SystemExit(0)
    Traceback (most recent call last):
    acidity.core.exits.Exited: sys.exit(0) was called
    """
    try:
        yield
    except Terminated:  # acidity's own, for a signal
        raise
    except SystemExit as error:
        raise Exited(f"{called(error)} was called") from error


def called(error: SystemExit) -> str:
    """What was called, as code."""
    return str(error) if isinstance(error, ExitedAtOnce) else f"sys.exit({error.code!r})"


@contextmanager
def outliving(refuses: Callable[[str], bool] = lambda _call: True) -> Iterator[None]:
    """While this lasts, what would end this process at once raises `ExitedAtOnce`; a forked child ends as it says.

    Args:
        refuses: is told the call; whether it is one to be kept from it.
    """
    before = {name: getattr(os, name) for name in _AT_ONCE}
    for name, function in before.items():
        setattr(os, name, _refused(name, function, os.getpid(), refuses))
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(os, name, function)


def _refused(name: str, function: Callable[..., Any], pid: int, refuses: Callable[[str], bool]) -> Callable[..., Any]:
    def instead(*arguments: Any, **keywords: Any) -> Any:
        given = ", ".join(map(repr, (*arguments, *keywords.values()))) if name == "_exit" else "…"
        call = f"os.{name}({given})"
        if os.getpid() == pid and refuses(call):
            raise ExitedAtOnce(call)
        return function(*arguments, **keywords)

    return instead
