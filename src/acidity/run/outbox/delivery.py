"""The course of a relay, as a generator: units of work whose body is itself made of steps, among them publishing."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from typing import Any

from sqlalchemy.orm import Session

from acidity.errors import UsageError
from acidity.run import context
from acidity.run.boundary import logger
from acidity.run.course import Body, Course, Failed, Move, Moves, Wait, got
from acidity.run.decide import Ended
from acidity.run.errors import BoundaryError
from acidity.run.outbox.claim import Claimed, claim
from acidity.run.outbox.record import Patience, mark_failed, mark_published
from acidity.run.state import State
from acidity.run.unit import Unit

Failure = tuple[Claimed, BaseException]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a `Relay` was told; see there."""

    publish: Callable[[Any], Any]
    batch_size: int
    patience: Patience
    poll_s: float
    keep: bool
    parked_blocks: bool


class UnitLost(Exception):  # noqa: N818  # an answer, not an error
    """What was raised while publishing has spoilt the relay's own transaction."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure[1]))
        self.failure = failure


@dataclass
class Delivery(Course):
    """One batch, or one batch after the other.

    Attributes:
        rules: of the relay.
        stop: asked before each batch; None for one batch.
    """

    rules: Rules = None  # type: ignore[assignment]  # always given; the fields before it have defaults
    stop: Callable[[], bool] | None = None

    def steps(self) -> Moves:
        """All batches."""
        if self.stop is None:
            return (yield from self._batch())
        total = failures = 0
        while not got((yield self.stop)):
            ended = yield from self._batch()
            if self.interrupted is not None or (ended.error is not None and not _may_pass(ended.error)):
                return ended
            failures = 0 if ended.error is None else failures + 1
            published = 0 if ended.error is not None else ended.result
            total += published
            if not published:
                waited = yield Wait(self._pause(failures, ended.error))
                if isinstance(waited, Failed):
                    return Ended(State.COMMITTED, error=waited.error)
        return Ended(State.COMMITTED, total)

    def _pause(self, failures: int, error: BaseException | None) -> float:
        if error is None:
            return self.rules.poll_s
        pause = Patience(None, max(self.rules.poll_s, 0.1), 60.0).pause(failures)
        logger.warning("the relay's transaction failed, trying again in %s s: %s", pause, error)
        return pause or 0.0

    def _batch(self) -> Moves:
        """Claim, publish and mark; a failure that took the transaction with it is noted in another one."""
        ended = yield from self._unit(self._deliver)
        if isinstance(ended.error, UnitLost):
            failure = ended.error.failure
            ended = yield from self._unit(partial(self._note, failure))
        return ended

    def _unit(self, body: Callable[[Unit, Session], Generator[Move, Any, Any]]) -> Moves:
        """A unit of work whose body is steps as well."""
        steps = super().steps()
        try:
            step = next(steps)
            while True:
                if isinstance(step, Body):
                    unit = context.required()
                    reply: Any = yield from _replied(body(unit, unit.plain))
                else:
                    reply = yield step
                step = steps.send(reply)
        except StopIteration as done:
            ended: Ended = done.value
            return ended
        finally:
            steps.close()  # now, and not when the collector comes by: it may hold a transaction

    def _deliver(self, unit: Unit, session: Session) -> Generator[Move, Any, int]:
        rules = self.rules
        claiming = partial(claim, session, rules.batch_size, parked_blocks=rules.parked_blocks)
        claimed: list[Claimed] = got((yield claiming))
        published: list[Claimed] = []
        failed: list[Failure] = []
        held_back: set[str | None] = set()
        for each in claimed:
            if each.key_hash is not None and each.key_hash in held_back:
                continue
            error = _refusal((yield partial(rules.publish, each.message)))
            spoilt = unit.spoilt
            if spoilt is not None:
                raise UnitLost((each, error or spoilt))
            if error is None:
                published.append(each)
            else:
                failed.append((each, error))
                held_back.add(each.key_hash)
        got((yield partial(self._record, session, published, failed)))
        return len(published)

    def _record(self, session: Session, published: list[Claimed], failed: list[Failure]) -> None:
        mark_published(session, published, keep=self.rules.keep)
        for claimed, error in failed:
            self._failed(session, claimed, error)

    def _note(self, failure: Failure, unit: Unit, session: Session) -> Generator[Move, Any, int]:
        del unit
        got((yield partial(self._failed, session, *failure)))
        return 0

    def _failed(self, session: Session, claimed: Claimed, error: BaseException) -> None:
        parked = mark_failed(session, claimed, error, self.rules.patience)
        word = "parked it" if parked else "it will be tried again"
        logger.warning("publishing %s to %s failed, %s: %s", claimed.message.id, claimed.message.topic, word, error)


def _replied(body: Generator[Move, Any, Any]) -> Generator[Move, Any, Any]:
    try:
        value = yield from body
    except GeneratorExit:
        raise
    except BaseException as error:
        return Failed(error)
    return value


def _refusal(reply: Any) -> BaseException | None:
    """Why the message is not published; None if it is.

    Raises:
        BaseException: that is no answer of the publisher: an interruption, or a coroutine that nobody awaits.
    """
    if isinstance(reply, Failed):
        if not isinstance(reply.error, Exception):
            raise reply.error
        return reply.error
    if isawaitable(reply):
        getattr(reply, "close", lambda: None)()
        raise UsageError("publish is asynchronous, and nothing awaits it: give the Relay an async engine")
    return None


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt may succeed; what is wrong in the program will be wrong again."""
    return isinstance(error, Exception) and not isinstance(error, UsageError | BoundaryError)
