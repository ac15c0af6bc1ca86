"""The course of a unit of work, as a generator: plain and async code carry out the same steps, in `drivers`.

A step is something to do (plain SQLAlchemy, in a greenlet under asyncio), the user's function to call, or a wait. The
generator hears of every exception, decides, and ends with what is to be returned or raised; it raises nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tenacity import RetryCallState, Retrying, wait_random_exponential

from acidity.run import context
from acidity.run.decide import Ended, Policy, gave_up, what_next
from acidity.run.errors import AlreadyDone, CommitUnknown, UnitPoisoned
from acidity.run.marker import KeyTaken, Marker, Stored
from acidity.run.state import State
from acidity.run.target import Target
from acidity.run.unit import Terms, Unit, logger

ASKED_MAX = 6  # how often the fence is tried before the outcome is given up as unknown
_WAIT = wait_random_exponential(multiplier=0.02, max=1.0)


@dataclass(frozen=True, slots=True)
class Do:
    """Carry this out; shielded, a cancellation waits until it is done."""

    work: Callable[[], Any]
    shielded: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """Call the user's code with this session."""

    session: Any


@dataclass(frozen=True, slots=True)
class Wait:
    """Let this many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a step. A value, because a GeneratorExit that is thrown would close the generator."""

    value: Any = None
    error: BaseException | None = None

    def get(self) -> Any:
        """The value.

        Raises:
            BaseException: what the step raised.
        """
        if self.error is not None:
            raise self.error
        return self.value


Step = Do | Body | Wait
Steps = Generator[Step, Reply, Ended]


@dataclass
class Course:
    """Attempts at one unit of work.

    Attributes:
        target: the database.
        terms: of each unit.
        policy: when to try again.
        marker: makes the marker of each attempt; None for none.
        repeatable: the user's code is a function that can be called again, and not a block.
        interrupted: a cancellation that came while a shielded step was under way; set by the driver.
    """

    target: Target
    terms: Terms
    policy: Policy = field(default_factory=Policy)
    marker: Callable[[], Marker] | None = None
    repeatable: bool = True
    interrupted: BaseException | None = None

    def steps(self) -> Steps:
        """All attempts, from the first BEGIN to the confirmed end."""
        attempts: list[BaseException] = []
        while True:
            ended = yield from self._attempt()
            if ended.error is not None:
                attempts.append(ended.error)
            verdict = what_next(ended, len(attempts), self.policy, interrupted=self.interrupted is not None)
            if verdict == "retry":
                logger.info("attempt %d failed, trying again: %s", len(attempts), ended.error)
                yield Wait(pause(len(attempts)))
                continue
            if verdict == "raise" and self.policy.max_attempts > 1 and len(attempts) >= self.policy.max_attempts:
                ended.error = _listing(attempts, ended)
            return ended

    def _attempt(self) -> Generator[Step, Reply, Ended]:
        unit = Unit(self.target, self.terms, self.marker() if self.marker is not None else None)
        ended = Ended(State.ACTIVE)
        context.enter(unit)
        try:
            (yield Do(unit.begin)).get()
            ended.result = (yield Body(unit.session)).get()
            (yield Do(partial(unit.prepare, ended.result))).get()
        except KeyTaken:
            yield from self._clean(unit)
            yield from self._repeat(unit, ended)
        except BaseException as error:
            ended.error = error
            yield from self._clean(unit)
        else:
            yield from self._commit(unit, ended)
        finally:
            context.leave(unit)
            if not unit.state.ended:  # Ctrl-C between two steps, or a block that nobody left
                unit.invalidate()
        ended.failures = tuple(unit.failures.everything)
        if unit.state is State.COMMITTED:  # also when something after the reply raised
            yield from self._afterwards(unit, ended)
        if ended.state is State.ACTIVE:
            ended.state = unit.state
        return ended

    def _clean(self, unit: Unit) -> Generator[Step, Reply, None]:
        """ROLLBACK; when even that is interrupted, the connection is thrown away."""
        try:
            (yield Do(unit.roll_back, shielded=True)).get()
        except BaseException:
            unit.invalidate()
            if unit.state is State.FAILED:
                unit.to(State.ABORTED)

    def _commit(self, unit: Unit, ended: Ended) -> Generator[Step, Reply, None]:
        try:
            (yield Do(unit.commit, shielded=True)).get()
        except BaseException as error:
            ended.error = error
            if unit.state is State.FAILED:
                yield from self._clean(unit)
                return
            if unit.state is State.COMMITTED:  # something after the reply raised
                error.add_note("acidity: COMMIT had been confirmed; the change is in the database")
                unit.invalidate()
                return
            if unit.state is State.PARTIALLY_COMMITTED:
                unit.to(State.UNKNOWN)
            ended.commit_lost = True
            try:
                (yield Do(unit.invalidate, shielded=True)).get()
            except BaseException as second:
                logger.debug("the connection could not be closed: %s", second)
            yield from self._resolve(unit, ended)

    def _resolve(self, unit: Unit, ended: Ended) -> Generator[Step, Reply, None]:
        """The answer to COMMIT is lost: let the marker tell."""
        lost = ended.error
        assert lost is not None, "COMMIT raised"
        committed: bool | None = None
        if unit.marker is not None:
            for asked in range(1, ASKED_MAX + 1):
                try:
                    asking = partial(unit.marker.committed, self.target.engine)
                    committed = (yield Do(asking, shielded=True)).get()
                    break
                except BaseException as error:
                    logger.debug("the fence was not answered: %s", error)
                    if asked == ASKED_MAX or not isinstance(error, Exception):
                        break
                yield Wait(pause(asked))
        interruption = not isinstance(lost, Exception) and not _of_a_task(lost)
        if committed is None:
            ended.error = lost if interruption else unknown(unit, lost)
            lost.add_note("acidity: COMMIT was sent and its outcome is unknown")
            return
        unit.to(State.COMMITTED if committed else State.ABORTED)
        word = "committed" if committed else "not committed"
        lost.add_note(f"acidity: the answer to COMMIT was lost; the marker says: {word}")
        logger.info("the answer to COMMIT was lost; the marker says: %s", word)
        if not interruption:
            ended.error = None if committed else _exception(lost)

    def _repeat(self, unit: Unit, ended: Ended) -> Generator[Step, Reply, None]:
        """The key was used up: answer with what is stored, if the request is the same."""
        assert unit.marker is not None, "only a marker is refused as a duplicate"
        try:
            stored: Stored | None = (yield Do(partial(unit.marker.find, self.target.engine))).get()
            assert stored is not None, "the marker was pruned between two looks"
            unit.marker.same_request(stored)
        except BaseException as error:
            ended.error = error
        else:
            ended.state, ended.result = State.COMMITTED, stored.result
            if not self.repeatable:
                key = unit.marker.key
                ended.error = AlreadyDone(f"a unit with the idempotency key {key!r} is committed; nothing was done")

    def _afterwards(self, unit: Unit, ended: Ended) -> Generator[Step, Reply, None]:
        """What was to be done once COMMIT is confirmed; one that fails does not keep the others from being done."""
        ended.state = State.COMMITTED
        for function in unit.after:
            try:
                (yield Do(function)).get()
            except BaseException as error:
                error.add_note("acidity: raised by on_commit(); the change is committed")
                logger.exception("on_commit() raised; the change is committed")
                ended.error = ended.error or error


def pause(attempts: int) -> float:
    """How long to wait after so many failed attempts: exponential with full jitter, as two that collided should."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempts
    return float(_WAIT(state))


def unknown(unit: Unit, lost: BaseException) -> CommitUnknown:
    """The error that says what to do."""
    if unit.marker is None:
        advice = (
            "look into the database before trying again, or let the unit be recognised: atomic(…, resolve_commit=True) "
            "or idempotency_key=…"
        )
    else:
        advice = f"the database did not answer; {unit.marker.advice}"
    error = CommitUnknown(f"COMMIT was sent and no answer came; it may or may not have been applied: {advice}")
    error.__cause__ = lost
    return error


def _listing(attempts: list[BaseException], ended: Ended) -> BaseException:
    last = attempts[-1]
    if ended.state is not State.ABORTED or not isinstance(last, Exception) or len(attempts) < 2:
        return last
    listing = gave_up(attempts)
    listing.__cause__ = last
    return listing


def _of_a_task(error: BaseException) -> bool:
    """A cancellation of the task that sent COMMIT, and not of the caller, who would have been told as well."""
    return type(error).__name__ == "CancelledError"


def _exception(lost: BaseException) -> BaseException:
    if isinstance(lost, Exception):
        return lost
    error = UnitPoisoned("COMMIT was cancelled before it was applied; nothing was committed")
    error.__cause__ = lost
    return error
