"""What must hold in every committed state of callers that mean to commit more than once, and does not: a `Breach`.

The rows are looked at while all callers wait, after each turn in which one of them has committed, and once more when
recovering and settling have ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from acidity.core.call import Call
from acidity.core.outcome import Ending, State, Told, Violation
from acidity.core.turn import Turn
from acidity.engines.own_calls import own_calls
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.stage import Stage


@dataclass(frozen=True, slots=True)
class Breach:
    """A constraint or an invariant that does not hold in a committed state.

    Attributes:
        violation: what does not hold.
        state: the rows.
        call: the COMMIT after which it did not; None for the end.
    """

    violation: Violation
    state: State
    call: Call | None

    @property
    def where(self) -> str:
        """Where in the run it was, in words."""
        if self.call is None:
            return "in the end"
        return f"after a COMMIT of {self.call.actor}{f' at {self.call.site}' if self.call.site else ''}"


class Stated:
    """Asks whether all that is stated holds; equal rows are asked once.

    Args:
        stage: where.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._inspector = Inspector(stage)
        self._known: dict[str, tuple[Violation, ...]] = {}

    def knows(self, state: State) -> bool:
        """Whether these rows were asked about before."""
        return state.fingerprint in self._known

    def between(self, state: State, callers: int) -> tuple[Violation, ...]:
        """What does not hold in rows that somebody has just committed; no caller has been told anything yet."""
        rows = state.fingerprint
        if rows not in self._known:
            self._known[rows] = self._inspector.inspect_all(state, [(Told.UNKNOWN, Ending())] * callers)
        return self._known[rows]

    def end(self, state: State, endings: Iterable[Ending]) -> tuple[Violation, ...]:
        """What does not hold in the rows that are there when all have ended."""
        return self._inspector.inspect_all(state, [(_told(ending), ending) for ending in endings])


class CommittedStates:
    """Looks at the committed states of one run.

    Args:
        stated: knows what must hold.
        callers: how many there are.

    Attributes:
        breaches: what did not hold.
        unread: where rules could not be asked, in words.
    """

    def __init__(self, stated: Stated, callers: int) -> None:
        self.unread: list[str] = []
        self.breaches: list[Breach] = []
        self._stated = stated
        self._callers = callers

    def after_turn(self, turn: Turn) -> None:
        """Look, if somebody has committed."""
        done = [event.call for event in turn.events if event.call.commits and event.reply.status == "ok"]
        if not done:
            return
        with own_calls():
            look = self._stated.stage.sandbox.look()
            if look.locked_out and not self._stated.knows(look.state):
                self.unread.append(f"after a COMMIT of {done[-1].actor} rules could not be asked: nobody was let in")
                return
            broken = self._stated.between(look.state, self._callers)
            self.breaches += [Breach(each, look.state, done[-1]) for each in broken]

    def end(self, state: State, endings: Iterable[Ending]) -> None:
        """Look at what is there now, when all have ended."""
        self.breaches += [Breach(each, state, None) for each in self._stated.end(state, endings)]


def _told(ending: Ending) -> Told:
    """What a caller was told, as far as that is plain."""
    if ending.exception or ending.succeeded is False:
        return Told.FAILED
    return Told.OK if ending.succeeded else Told.UNKNOWN
