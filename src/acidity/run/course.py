"""The course of a unit of work, as a generator: plain and async code carry out the same steps, in `drivers`.

A step is something to do (plain SQLAlchemy, in a greenlet under asyncio), the user's function to call, or a wait. The
generator hears of every exception, decides, and ends with what is to be returned or raised; it raises nothing itself.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from tenacity import RetryCallState, Retrying, wait_random_exponential

from acidity.run import context
from acidity.run.boundary import Terms, logger, monotonic
from acidity.run.context import inside
from acidity.run.decide import ONCE, Ended, Policy, gave_up, what_next
from acidity.run.errors import AlreadyDone, CommitUnknown, UnitPoisoned
from acidity.run.marker import KeyTaken, Marker, Stored
from acidity.run.residence import Residence
from acidity.run.state import ABORTED, ACTIVE, COMMITTED, ENDED, FAILED, PARTIALLY_COMMITTED, UNKNOWN
from acidity.run.target import Target
from acidity.run.unit import Unit, shielded

RESOLVE_S = 30.0  # how long to ask for an outcome: a server that crashed is back after seconds, a failover takes longer
_WAIT = wait_random_exponential(multiplier=0.02, max=1.0)


Work = Callable[[], Any]


@dataclass(slots=True)
class Body:
    """Call the user's code with this session."""

    session: Any


@dataclass(slots=True)
class Wait:
    """Let this many seconds pass."""

    seconds: float


@dataclass(slots=True)
class Failed:
    """The reply to a step that raised. A value, because a GeneratorExit that is thrown would close the generator."""

    error: BaseException


def got(reply: Any) -> Any:
    """The value that a step gave.

    Raises:
        BaseException: what the step raised.
    """
    if type(reply) is Failed:
        raise reply.error
    return reply


Move = Work | Body | Wait
Moves = Generator[Move, Any, Ended]


@dataclass(slots=True)
class Course:
    """Attempts at one unit of work.

    Attributes:
        target: the database.
        terms: of each unit.
        policy: when to try again.
        marker: makes the marker of each attempt; None for none.
        repeatable: the user's code is a function that can be called again, and not a block.
        name: of the function, for those who watch.
        residence: the generator that the block lives in, if it is a block and does.
        interrupted: a cancellation that came while a shielded step was under way; set by the driver.
    """

    target: Target
    terms: Terms
    policy: Policy = ONCE
    marker: Callable[[], Marker] | None = None
    repeatable: bool = True
    name: str = ""
    residence: Residence | None = None
    interrupted: BaseException | None = None

    def steps(self) -> Moves:
        """From the first BEGIN to the confirmed end of the last attempt."""
        return self._attempts() if self.policy.max_attempts > 1 else self._attempt()

    def _attempts(self) -> Moves:
        attempts: list[BaseException] = []
        while True:
            ended = yield from self._attempt()
            if ended.error is None:
                return ended
            attempts.append(ended.error)
            verdict = what_next(ended, len(attempts), self.policy, interrupted=self.interrupted is not None)
            if verdict == "retry":
                logger.info("attempt %d failed, trying again: %s", len(attempts), ended.error)
                waited = yield Wait(pause(len(attempts)))
                if not isinstance(waited, Failed):
                    continue
                ended.error = waited.error
            elif verdict == "raise" and len(attempts) >= self.policy.max_attempts:
                ended.error = _listing(attempts, ended)
            return ended

    def _attempt(self) -> Generator[Move, Any, Ended]:
        unit = Unit(self.target, self.terms, None if self.marker is None else self.marker())
        unit.residence = self.residence
        ended = Ended(ACTIVE)
        around = context.going_on()
        units = (*around, unit)
        try:
            inside.set(units)  # Ctrl-C may come right after it
            reply = yield unit.begin
            if type(reply) is not Failed:
                reply = yield Body(unit.session)
            if type(reply) is not Failed:
                unit.result = ended.result = reply
                if not unit.prepare_at_once():
                    reply = yield unit.prepare
            if type(reply) is not Failed:
                reply = yield unit.commit
                if type(reply) is Failed:
                    yield from self._commit_failed(unit, ended, reply.error)
            elif isinstance(reply.error, KeyTaken):
                yield from self._clean(unit)
                yield from self._repeat(unit, ended)
            else:
                ended.error = unit.raised = reply.error
                yield from self._clean(unit)
            if unit.torn is not None:
                yield from self._torn(unit, ended)
        finally:
            if inside.get() is units:
                inside.set(around)
            else:
                context.leave(unit)
            if unit.state not in ENDED:  # Ctrl-C between two steps, or a block that nobody left
                unit.invalidate()
        ended.failures = unit.failures.everything
        if unit.after and unit.state is COMMITTED:  # also when something after the reply raised
            yield from self._afterwards(unit, ended)
        if ended.state is ACTIVE:
            ended.state = unit.state
        return ended

    def _clean(self, unit: Unit) -> Generator[Move, Any, None]:
        """ROLLBACK; when even that is interrupted, the connection is thrown away."""
        try:
            got((yield unit.roll_back))
        except GeneratorExit:
            raise
        except BaseException:
            unit.invalidate()
            if unit.state is FAILED:
                unit.to(ABORTED)

    def _torn(self, unit: Unit, ended: Ended) -> Generator[Move, Any, None]:
        """Something inside has ended the transaction: whatever else was raised, that is what the caller is told."""
        if ended.error is not unit.torn and isinstance(ended.error, Exception):
            assert unit.torn is not None, "it is torn"
            unit.torn.__cause__ = ended.error
            ended.error = unit.torn
        if unit.marker is not None:  # which may be committed, and must not answer a repeat as if the work were done
            spoilt = yield shielded(partial(unit.marker.spoil, self.target.engine))
            if type(spoilt) is Failed:
                logger.warning("the marker of a unit that was ended inside could not be spoilt: %s", spoilt.error)

    def _commit_failed(self, unit: Unit, ended: Ended, error: BaseException) -> Generator[Move, Any, None]:
        """COMMIT raised: it was refused, or something after its reply raised, or its answer is lost."""
        ended.error = error
        if unit.state is FAILED:  # COMMIT was not sent, or was refused
            yield from self._clean(unit)
            return
        if unit.state is COMMITTED:
            error.add_note("acidity: COMMIT had been confirmed; the change is in the database")
            unit.invalidate()
            return
        if unit.state is PARTIALLY_COMMITTED:
            unit.to(UNKNOWN)
        ended.commit_lost = True
        closed = yield unit.invalidate
        if type(closed) is Failed:
            logger.debug("the connection could not be closed: %s", closed.error)
        yield from self._resolve(unit, ended)

    def _resolve(self, unit: Unit, ended: Ended) -> Generator[Move, Any, None]:
        """The answer to COMMIT is lost: let the marker tell."""
        lost = ended.error
        assert lost is not None, "COMMIT raised"
        committed, stopped = None, None
        if unit.marker is not None:
            committed, stopped = yield from self._ask(unit.marker)
        interruption = not isinstance(lost, Exception) and not _of_a_task(lost)
        if committed is None:
            ended.error = lost if interruption else stopped or unknown(unit, lost)
            for error in {lost, ended.error}:
                error.add_note("acidity: COMMIT was sent and its outcome is unknown")
            return
        unit.to(COMMITTED if committed else ABORTED)
        word = "committed" if committed else "not committed"
        lost.add_note(f"acidity: the answer to COMMIT was lost; the marker says: {word}")
        logger.info("the answer to COMMIT was lost; the marker says: %s", word)
        if not interruption:
            ended.error = None if committed else _exception(lost)

    def _ask(self, marker: Marker) -> Generator[Move, Any, tuple[bool | None, BaseException | None]]:
        """Ask the fence until it answers, for `RESOLVE_S` at most: the answer, and what interrupted the asking."""
        waited, began = 0.0, monotonic()
        for asked in count(1):
            reply = yield shielded(partial(marker.committed, self.target.engine))
            if not isinstance(reply, Failed):
                return reply, None
            logger.debug("the fence was not answered: %s", reply.error)
            if isinstance(reply.error, Exception):
                if self.interrupted is not None or max(waited, monotonic() - began) > RESOLVE_S:
                    break
                seconds = pause(asked)
                waited += seconds  # counts where waits are not waited, too
                reply = yield Wait(seconds)
            if isinstance(reply, Failed):
                return None, reply.error
        return None, None

    def _repeat(self, unit: Unit, ended: Ended) -> Generator[Move, Any, None]:
        """The key was used up: answer with what is stored, if the request is the same."""
        assert unit.marker is not None, "only a marker is refused as a duplicate"
        try:
            stored: Stored = got((yield partial(unit.marker.answer, self.target.engine)))
            unit.marker.same_request(stored)
        except BaseException as error:
            ended.error = error
        else:
            ended.state, ended.result = COMMITTED, stored.result
            if not self.repeatable:
                key = unit.marker.key
                ended.error = AlreadyDone(f"a unit with the idempotency key {key!r} is committed; nothing was done")

    def _afterwards(self, unit: Unit, ended: Ended) -> Generator[Move, Any, None]:
        """What was to be done once COMMIT is confirmed; one that fails does not keep the others from being done."""
        ended.state = COMMITTED
        waiting, outside = list(unit.after), context.afterwards.get()
        context.afterwards.set((inside.get(), waiting))
        try:
            for function in waiting:  # which grows, where one of them calls on_commit()
                try:
                    got((yield function))
                except BaseException as error:
                    error.add_note("acidity: raised by on_commit(); the change is committed")
                    logger.exception("on_commit() raised; the change is committed")
                    ended.error = ended.error or error
        finally:
            context.afterwards.set(outside)


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
    if ended.state is not ABORTED or not isinstance(last, Exception) or len(attempts) < 2:
        return last
    listing = gave_up(attempts)
    listing.__cause__ = last
    return listing


def _of_a_task(error: BaseException) -> bool:
    """A cancellation of the task that sent COMMIT, and not of the caller, who would have been told as well."""
    return isinstance(error, CancelledError)


def _exception(lost: BaseException) -> BaseException:
    if isinstance(lost, Exception):
        return lost
    error = UnitPoisoned("COMMIT was cancelled before it was applied; nothing was committed")
    error.__cause__ = lost
    return error
