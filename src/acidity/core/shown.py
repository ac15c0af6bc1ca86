"""A run of several callers as `replay` shows it, whatever it came to: `ShownRun`."""

from __future__ import annotations

from dataclasses import dataclass

from acidity.core.call import History
from acidity.core.finding import RowChange
from acidity.core.lane import Move
from acidity.core.schedule import Schedule


@dataclass(frozen=True, slots=True)
class CallerEnding:
    """How one of several callers ended, as texts.

    Attributes:
        actor: the letter of the caller.
        operation: the name of what it called.
        answer: what that returned; None where it did not return, or nothing.
        exception: the class name of what left it, or nothing.
        message: the text of that.
    """

    actor: str
    operation: str
    answer: str | None = None
    exception: str = ""
    message: str = ""

    def __str__(self) -> str:
        ended = f"returned {self.answer or 'nothing'}"
        if self.exception:
            message = " ".join(self.message.split())
            ended = f"raised {self.exception}{': ' if message else ''}{message}"
        return f"{self.actor} {self.operation}: {ended}"


@dataclass(frozen=True, slots=True)
class ShownRun:
    """One run of several callers.

    Attributes:
        schedule: who was let go, turn by turn, to the end of all of them.
        lanes: who did what, in executed order.
        endings: what each caller was told.
        diff: the rows that differ from the rows before.
        history: the Calls.
    """

    schedule: Schedule
    lanes: tuple[Move, ...] = ()
    endings: tuple[CallerEnding, ...] = ()
    diff: tuple[RowChange, ...] = ()
    history: History = ()
