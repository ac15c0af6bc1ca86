"""What one run of one operation left behind, before anybody judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from acidity.core.call import History
from acidity.core.outcome import State
from acidity.core.schedule import Schedule
from acidity.prove.faults.base import Mode

NOT_REACHED = "the Call was not reached"


@dataclass(frozen=True, slots=True)
class RawEnding:
    """How the function ended: an answer, an exception, or killed.

    Attributes:
        answered: it returned.
        answer: what it returned, frozen.
        exception: the class name of what left it.
        message: the text of that.
        refusal: the exception is one that ``raises=`` lists.
        succeeded: what ``succeeded=`` said of the answer, if the operation has one.
        killed: the process was killed.
        status: what a web application answered; 0 where there was no request, or no answer.
    """

    answered: bool = False
    answer: Any = None
    exception: str = ""
    message: str = ""
    refusal: bool = False
    succeeded: bool | None = None
    killed: bool = False
    status: int = 0

    @property
    def broke_off(self) -> bool:
        """An exception left the operation, or became a 5xx on its way to the client."""
        return bool(self.exception) or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what was asked, how it ended, and the rows of both looks.

    Attributes:
        schedule: what was done to it; empty for a clean run.
        ending: how the function ended.
        history: its Calls and their Replies.
        first: rows right after it.
        second: rows after a stranger's commit.
        effects: effect → how often it took place.
        leaks: transactions found open.
        stopped: the error that stopped the stranger.
        locked_out: the first look had to read past a lock.
        struck: the fault did break something.
        missed: why it did not.
        mode: real or simulated.
        bypasses: what reached the database without passing the seam.
        in_doubt: prepared transactions that nobody had decided in the end.
        broken: violated constraints and invariants of the end state, in words.
    """

    schedule: Schedule
    ending: RawEnding
    history: History
    first: State
    second: State
    effects: Mapping[str, int] = field(default_factory=dict)
    leaks: tuple[str, ...] = ()
    stopped: str = ""
    locked_out: bool = False
    struck: bool = False
    missed: str = ""
    mode: Mode = "real"
    bypasses: tuple[str, ...] = ()
    in_doubt: tuple[str, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()
