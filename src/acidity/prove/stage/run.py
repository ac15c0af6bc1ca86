"""What one run of one operation left behind, before anybody judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from acidity.adapters.seam import Actor
from acidity.core.call import Call, History
from acidity.core.misfit import Misfit, Mode
from acidity.core.outcome import Ending, State, Told, Violation
from acidity.core.schedule import Schedule
from acidity.core.step import Step
from acidity.engines.base import Look
from acidity.prove.stage.stranger import Encounter


@dataclass(frozen=True, slots=True)
class Between:
    """A state that was committed on the way and in which something does not hold.

    Attributes:
        call: the Call that committed it.
        step: the step whose Call it is, or nothing for the operation's own.
        state: the rows.
        broken: what does not hold in it.
    """

    call: Call
    step: str
    state: State
    broken: tuple[Violation, ...]

    @property
    def where(self) -> str:
        """Where in the run it was."""
        site = f" at {self.call.site}" if self.call.site else ""
        return f"in a state committed {f'by {self.step}' if self.step else 'on the way'}{site}"


@dataclass(frozen=True, slots=True)
class Break:
    """A constraint or invariant that does not hold in some state of a run.

    Attributes:
        violation: what does not hold.
        state: the rows.
        between: the committed state on the way; None for the end state.
    """

    violation: Violation
    state: State
    between: Between | None = None

    @property
    def where(self) -> str:
        """Where in the run it was; nothing for the end state."""
        return f" {self.between.where}" if self.between is not None else ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What an onlooker saw of the databases after a run.

    Attributes:
        first: the rows right after the run.
        second: the rows after a stranger's commit.
        encounter: what the stranger met.
        locked_out: the first look had to read past a lock.
        in_doubt: prepared transactions that nobody has decided.
        beyond: what was there that cannot be compared, in words.
        at_rest: the run left nothing, and its Calls only read and wrote rows.
    """

    first: State
    second: State
    encounter: Encounter
    locked_out: bool
    in_doubt: tuple[str, ...]
    beyond: tuple[str, ...]
    at_rest: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """What one or several callers left behind when all had ended.

    Attributes:
        endings: how each ended, in the order of the players.
        seen: the databases after it.
        bypasses: what reached the database without passing the seam, or what lies beyond what is compared.
    """

    endings: tuple[Ending, ...]
    seen: Seen
    bypasses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What callers left behind in a run that nobody but acidity looks at, and only once.

    Attributes:
        endings: how each ended, in the order of the players.
        look: the databases after it.
        bypasses: what reached the database without passing the seam, or what lies beyond what is compared.
    """

    endings: tuple[Ending, ...]
    look: Look
    bypasses: tuple[str, ...]


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
        missed: why it did not; None where no fault was to strike.
        unheard: why it may have broken nothing, where no error came of it; the rows say whether it did.
        mode: real or simulated.
        bypasses: what reached the database without passing the seam.
        in_doubt: prepared transactions that nobody had decided in the end.
        broken: what does not hold in the end state.
        steps: what ran after it: recover, settle.
        again: the same once more, which must change nothing.
        between: committed states on the way in which something does not hold.
        told: what the caller was told, once somebody has decided it.
        legal: the name of the end state beside before and after that this is, as ``also=`` says; or nothing.
        resets: a connection that its pool rolled back, with how many Calls had been made by then.
        unasked: the Calls that are a ROLLBACK nobody asked for: a Session or Connection was closed without COMMIT.
        given_up: a connection that was closed while an error was on its way, with how many Calls had been made by then.
        owed: a COMMIT was refused and left open on a connection that the operation was given, and it raised: to roll
            back was the duty of its caller, who is acidity here.
        forked: it took place in a process of its own, which was to be killed.
    """

    schedule: Schedule
    ending: Ending
    history: History
    first: State
    second: State
    effects: Mapping[str, int] = field(default_factory=dict)
    effect_keys: frozenset[tuple[str, str]] = frozenset()
    leaks: tuple[str, ...] = ()
    stopped: str = ""
    locked_out: bool = False
    struck: bool = False
    missed: Misfit | None = None
    unheard: Misfit | None = None
    mode: Mode = "real"
    bypasses: tuple[str, ...] = ()
    in_doubt: tuple[str, ...] = ()
    broken: tuple[Violation, ...] = ()
    steps: tuple[Step, ...] = ()
    again: tuple[Step, ...] = ()
    between: tuple[Between, ...] = ()
    told: Told | None = None
    legal: str = ""
    resets: tuple[tuple[int, int], ...] = ()
    unasked: frozenset[int] = frozenset()
    given_up: tuple[tuple[int, int], ...] = ()
    owed: bool = False
    forked: bool = False

    @classmethod
    def of(cls, actor: Actor, scene: Scene, schedule: Schedule) -> Self:
        """The run of the only actor of a scene."""
        return cls(
            schedule=schedule,
            ending=scene.endings[0],
            history=actor.history,
            first=scene.seen.first,
            second=scene.seen.second,
            effects=dict(actor.effects),
            effect_keys=frozenset(actor.effect_keys),
            leaks=scene.seen.encounter.leaks,
            stopped=scene.seen.encounter.stopped,
            locked_out=scene.seen.locked_out,
            bypasses=scene.bypasses,
            in_doubt=scene.seen.in_doubt,
            resets=tuple(actor.resets),
            unasked=frozenset(actor.unasked),
            given_up=tuple(actor.given_up),
        )

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
        between = (Break(broken, state.state, state) for state in self.between for broken in state.broken)
        return (*(Break(broken, self.end) for broken in self.broken), *between)

    @property
    def failed_step(self) -> Step | None:
        """The step that did not end well; nothing runs after it."""
        return next((step for step in self.steps if step.raised), None)
