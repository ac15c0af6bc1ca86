"""What one run of one operation left behind, before anybody judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from acidity.core.call import Call, History
from acidity.core.outcome import State, Told
from acidity.core.schedule import Schedule
from acidity.core.step import Step
from acidity.prove.faults.base import Mode

Broken = tuple[str, str]
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
class Between:
    """A state that was committed on the way and in which something does not hold.

    Attributes:
        call: the Call that committed it.
        step: the step whose Call it is, or nothing for the operation's own.
        state: the rows.
        broken: violated constraints and invariants, in words.
    """

    call: Call
    step: str
    state: State
    broken: tuple[Broken, ...]

    @property
    def where(self) -> str:
        """Where in the run it was."""
        site = f" at {self.call.site}" if self.call.site else ""
        return f"in a state committed {f'by {self.step}' if self.step else 'on the way'}{site}"


@dataclass(frozen=True, slots=True)
class Break:
    """A constraint or invariant that does not hold in some state of a run.

    Attributes:
        name: of the invariant, or the kind of constraint.
        seen: what was seen, in words.
        state: the rows.
        between: the committed state on the way; None for the end state.
    """

    name: str
    seen: str
    state: State
    between: Between | None = None

    @property
    def where(self) -> str:
        """Where in the run it was; nothing for the end state."""
        return f" {self.between.where}" if self.between is not None else ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what was asked, how it ended, and the rows of both looks.

    Attributes:
        schedule: what was done to it; empty for a clean run.
        ending: how the function ended.
        history: its Calls and their Replies.
        first: rows right after it.
        second: rows after a stranger's commit.
        effects: effect → how often it took place, steps included.
        effect_keys: (effect, idempotency key) of those that have one, steps included.
        leaks: transactions found open.
        stopped: the error that stopped the stranger.
        locked_out: the first look had to read past a lock.
        struck: the fault did break something.
        missed: why it did not.
        mode: real or simulated.
        bypasses: what reached the database without passing the seam.
        in_doubt: prepared transactions that nobody had decided in the end.
        broken: violated constraints and invariants of the end state, in words.
        steps: what ran after it: recover, settle.
        again: the same once more, which must change nothing.
        between: committed states on the way in which something does not hold.
        told: what the caller was told, once somebody has decided it.
        legal: the name of the end state beside before and after that this is, as ``also=`` says; or nothing.
    """

    schedule: Schedule
    ending: RawEnding
    history: History
    first: State
    second: State
    effects: Mapping[str, int] = field(default_factory=dict)
    effect_keys: frozenset[tuple[str, str]] = frozenset()
    leaks: tuple[str, ...] = ()
    stopped: str = ""
    locked_out: bool = False
    struck: bool = False
    missed: str = ""
    mode: Mode = "real"
    bypasses: tuple[str, ...] = ()
    in_doubt: tuple[str, ...] = ()
    broken: tuple[Broken, ...] = ()
    steps: tuple[Step, ...] = ()
    again: tuple[Step, ...] = ()
    between: tuple[Between, ...] = ()
    told: Told | None = None
    legal: str = ""

    @property
    def end(self) -> State:
        """The rows that are judged: after the last step, or of the second look where nothing follows."""
        return self.steps[-1].state if self.steps else self.second

    @property
    def whole_history(self) -> History:
        """The Calls of the operation and of the steps: all that wrote the rows that are judged."""
        return tuple(event for part in (self.history, *(step.history for step in self.steps)) for event in part)

    @property
    def breaks(self) -> tuple[Break, ...]:
        """Everything that did not hold, in the end state and on the way."""
        between = (Break(*broken, state.state, state) for state in self.between for broken in state.broken)
        return (*(Break(*broken, self.end) for broken in self.broken), *between)

    @property
    def failed_step(self) -> Step | None:
        """The step that did not end well; nothing runs after it."""
        return next((step for step in self.steps if step.raised), None)
