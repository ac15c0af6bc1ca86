"""Letter C: look at an end state for declared constraints and stated invariants that do not hold."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from acidity.core.exits import exits_as_errors
from acidity.core.outcome import Ending, Rule, State, Told, Violation
from acidity.core.rule import holds, says_neither
from acidity.errors import UsageError
from acidity.prove.stage.overseer import DidNotEnd
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage
from acidity.prove.stage.views import every, looking


@dataclass(frozen=True, slots=True)
class Ended:
    """How one operation ended, as an invariant sees it.

    Attributes:
        told: ``"ok"``, ``"failed"`` or ``"unknown"``.
        answer: what it returned.
        exception: the class name of what it raised, or nothing.
    """

    told: str
    answer: Any
    exception: str


@dataclass(frozen=True, slots=True)
class RunView:
    """What an invariant with a second parameter receives.

    Attributes:
        before: a read-only session on the rows before; with several databases, one for each name.
        ended: how the operations ended, in order.
    """

    before: Any
    ended: Sequence[Ended]


class Inspector:
    """Checks end states; equal states are looked at once."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.invariants = stage.scenario.invariants
        self.states: set[Any] = set()
        self._spoke: set[str] = set()
        self._known: dict[Any, tuple[Violation, ...]] = {}
        self._violations: dict[Any, tuple[Violation, ...]] = {}

    @property
    def stated(self) -> bool:
        """Whether there is anything to check."""
        return bool(self.invariants) or self.stage.sandbox.constraints() > 0

    @property
    def hears(self) -> bool:
        """Whether some invariant is shown what the caller was told."""
        return any(map(takes_two, self.invariants))

    def check_seed(self) -> None:
        """The rows before have to be consistent themselves.

        Raises:
            UsageError: they are not.
        """
        broken = self.stage.sandbox.violations()
        if broken:
            raise UsageError(f"the rows before break a declared constraint: {broken[0]}")
        for invariant in self.invariants:
            if takes_two(invariant):  # it speaks of a run, and there was none
                continue
            name = f"on the rows before the invariant {_name(invariant)}"
            try:
                with self.stage.judging(name) as (now, _), quiet(), looking(now) as session:
                    seen = self._broken_by(invariant, session, None)
            except DidNotEnd as error:
                raise UsageError(str(error)) from None
            if seen is not None:
                raise UsageError(f"the rows before break the invariant {_name(invariant)}: {seen}")

    def reaches(self) -> bool:
        """Whether invariants can be asked now; a fault may keep everybody out."""
        with self.stage.judging() as judges, quiet():
            try:
                for engine in (each for engines in judges for each in every(engines)):
                    engine.connect().close()
            except SQLAlchemyError:
                return False
        return True

    def inspect(self, state: State, told: Told, ending: Ending) -> tuple[Violation, ...]:
        """What does not hold in the state that the Sandbox is in now."""
        return self.inspect_all(state, [(told, ending)])

    def inspect_all(self, state: State, endings: Sequence[tuple[Told, Ending]]) -> tuple[Violation, ...]:
        """The same after several callers: what each was told, and how it ended."""
        rows = state.fingerprint
        self.states.add(rows)
        if rows not in self._violations:
            self._violations[rows] = self.stage.sandbox.violations()
        key = (rows, *((told, repr(ending.answer), ending.exception) for told, ending in endings))
        if key not in self._known:
            self._known[key] = self._run_invariants(endings) if self.invariants else ()
        return self._violations[rows] + self._known[key]

    def _run_invariants(self, endings: Sequence[tuple[Told, Ending]]) -> tuple[Violation, ...]:
        broken = []
        ended = tuple(Ended(_shown(told), ending.answer, ending.exception) for told, ending in endings)
        with self.stage.judging("invariants=") as (now, before), quiet():
            for invariant in self.invariants:
                with looking(now) as session, looking(before) as session_before:
                    seen = self._broken_by(invariant, session, RunView(session_before, ended))
                if seen is not None:
                    broken.append(Violation(Rule.INVARIANT, seen, _name(invariant)))
        return tuple(broken)

    def _broken_by(self, invariant: Callable[..., Any], session: Any, view: RunView | None) -> str | None:
        """How an invariant is broken, or None: it returned False, or raised.

        Raises:
            UsageError: its answer says neither.
        """
        try:
            with exits_as_errors():
                answer = invariant(session, view) if takes_two(invariant) else invariant(session)
        except Exception as error:
            self._spoke.add(_name(invariant))
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        held = holds(answer)
        if held is None:
            raise UsageError(f"the invariant {says_neither(_name(invariant), answer)}")
        if answer is not None:
            self._spoke.add(_name(invariant))
        return None if held else f"it returned {answer!r}"

    @property
    def mute(self) -> tuple[str, ...]:
        """The invariants that have said nothing, and do not raise by themselves: they may lack their ``return``."""
        return tuple(_name(each) for each in self.invariants if _name(each) not in self._spoke and not _raises(each))


def _raises(function: Callable[..., Any]) -> bool:
    """Whether a function has ``raise`` or ``assert`` in it; of what is no plain function nobody knows."""
    code = getattr(function, "__code__", None)
    return code is None or any(each.opname == "RAISE_VARARGS" for each in dis.get_instructions(code))


def _shown(told: Told) -> str:
    """For an invariant an answer that nobody can read is none."""
    return str(Told.UNKNOWN if told is Told.UNDECIDED else told)


def _name(invariant: Callable[..., Any]) -> str:
    return getattr(invariant, "__name__", repr(invariant))


def takes_two(invariant: Callable[..., Any]) -> bool:
    """Whether a function can be called with two arguments."""
    try:
        inspect.signature(invariant).bind(None, None)
    except TypeError:
        return False
    except ValueError:
        return False
    return True
