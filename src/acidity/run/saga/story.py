"""The course of sagas, as a generator of units of work: plain and async code carry out the same, in `drive`.

Every step and every compensation is a unit whose marker is its row in the log, so that its outcome is always known.
After any failure the saga is looked at anew: what the log says counts, not what this process remembers.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sqlalchemy.exc import DBAPIError

from acidity.engines.codes import DUPLICATE, codes_of
from acidity.errors import UsageError
from acidity.run.boundary import Terms
from acidity.run.course import Course, Wait, pause
from acidity.run.errors import KeyReused, SagaChanged, SagaInterrupted
from acidity.run.saga import log
from acidity.run.saga.decide import after_failure, is_interruption
from acidity.run.saga.endings import described, failed, interrupted, stuck
from acidity.run.saga.plan import Act, Plan
from acidity.run.saga.status import SagaState, SagaStatus
from acidity.run.tables import explain_missing
from acidity.run.target import Target
from acidity.run.works import Returned, Work

logger = logging.getLogger("acidity.run")


@dataclass
class Story:
    """Sagas of one name, carried on by one caller.

    Attributes:
        target: the database.
        terms: of the units of its steps and compensations.
        plan: the steps.
        max_attempts: how often what has to go through is tried in a row.
        cause: what refused the step, if that happened here.
    """

    target: Target
    terms: Terms
    plan: Plan
    max_attempts: int
    cause: BaseException | None = field(default=None)

    def run(self, saga_id: str, payload: str) -> Generator[Work | Wait, Returned, Any]:
        """Begin a saga unless it has begun, and carry it on to its end; gives the results of its steps."""
        begun = yield from self._begun(saga_id, payload)
        status = begun if begun.stuck is not None else (yield from self._carried_on(begun))
        assert status is not None, "one who waits is never sent away"
        if status.stuck is not None:
            raise stuck(self.plan.saga, status) from self.cause
        if status.state is SagaState.COMPENSATED:
            raise failed(self.plan.saga, status) from self.cause
        return dict(status.results)

    def resume(self, saga_id: str | None) -> Generator[Work | Wait, Returned, list[SagaStatus]]:
        """Carry on one saga, or all that are unfinished and neither stuck nor in other hands."""
        if saga_id is None:
            found = yield from self.ask(partial(log.unfinished, name=self.plan.saga, stuck=False))
        else:
            found = [(yield from self.ask(partial(log.look, name=self.plan.saga, saga_id=saga_id)))]
            if found[0] is None:
                raise UsageError(f"there is no saga {self.plan.saga!r} with the id {saga_id!r}")
        ended: list[SagaStatus] = []
        errors: list[SagaInterrupted | SagaChanged] = []
        for status in found:
            try:
                last = yield from self._carried_on(status, waits=saga_id is not None)
            except (SagaInterrupted, SagaChanged) as error:  # the others are not to wait for this one
                errors.append(error)
            else:
                ended += [] if last is None else [last]
        if errors:
            for other in errors[1:]:
                errors[0].add_note(f"acidity: and {other}")
            raise errors[0]
        return ended

    def ask(self, question: Callable[..., Any]) -> Generator[Work | Wait, Returned, Any]:
        """What the database answers; asked again when it is not there.

        Args:
            question: called with a session.
        """
        failures = 0
        while True:
            try:
                return (yield self._inside(question)).get()
            except Exception as error:
                failures += 1
                if isinstance(error, DBAPIError):
                    explain_missing(error)
                if not is_interruption(error) or failures >= self.max_attempts:
                    raise
            yield Wait(pause(failures))

    def _begun(self, saga_id: str, payload: str) -> Generator[Work | Wait, Returned, SagaStatus]:
        look = partial(log.look, name=self.plan.saga, saga_id=saga_id)
        write = partial(log.begin, name=self.plan.saga, saga_id=saga_id, payload=payload)
        fresh = SagaStatus(saga_id, SagaState.RUNNING, json.loads(payload))
        failures = 0
        while True:
            try:
                status: SagaStatus | None = (yield self._inside(look)).get()
                if status is None:
                    (yield self._inside(write)).get()
                    status = fresh
                break
            except Exception as error:
                failures += 1
                if isinstance(error, DBAPIError):
                    explain_missing(error)
                if not is_interruption(error) and not DUPLICATE.intersection(codes_of(error)):
                    raise
                if failures >= self.max_attempts:
                    raise interrupted(self.plan.saga, fresh, error) from error
            yield Wait(pause(failures))
        if status.payload != fresh.payload:
            raise KeyReused(f"the saga {self.plan.saga!r} {saga_id!r} was begun with another payload; nothing was done")
        return status

    def _carried_on(
        self, status: SagaStatus, *, waits: bool = True
    ) -> Generator[Work | Wait, Returned, SagaStatus | None]:
        """To its end, or until it is stuck; None if somebody else is at work on it."""
        failures = 0
        while (act := self.plan.next(status)) is not None:
            place = log.Place(self.plan.saga, status, waits)
            reached: list[bool] = []
            then = ""
            try:
                result = (yield self._work(place, act, reached)).get()
                status, failures = advanced(status, act, result), 0
                continue
            except log.Busy:
                return None
            except log.Moved:
                failures = 0
            except Exception as error:
                failures += 1
                interruption = is_interruption(error, reached=bool(reached))
                then = after_failure(
                    may_compensate=act.direction == "do" and not self.plan.is_past_pivot(status),
                    interruption=interruption,
                    failures=failures,
                    max_attempts=self.max_attempts,
                )
                logger.info("saga %s %s: %s failed: %s", self.plan.saga, status.id, act.definition.name, error)
                if then == "interrupted":
                    raise interrupted(self.plan.saga, status, error) from error
                if then == "again":
                    yield Wait(pause(failures))
                else:
                    yield from self._note(place, act, error, then)
                    failures = 0
            except BaseException as error:
                error.add_note(
                    f"acidity: the saga {self.plan.saga!r} {status.id!r} is unfinished; resume() carries it on"
                )
                raise
            status = yield from self._seen(status)
            if then == "stuck" and status.stuck is not None:
                return status
        return status

    def _work(self, place: log.Place, act: Act, reached: list[bool]) -> Work:
        def body(session: Any) -> Any:
            reached.append(True)
            return act.function(session, self.plan.told(place.status, act))

        return Work(Course(self.target, self.terms, marker=partial(log.progress, place, act)), body)

    def _note(self, place: log.Place, act: Act, error: Exception, then: str) -> Generator[Work | Wait, Returned, None]:
        """Turn round, or stop; what cannot be written down is found out again by whoever carries on."""
        text = described(error)
        if then == "stuck":
            logger.error("saga %s %s is stuck: %s", self.plan.saga, place.status.id, text)
            values: dict[str, Any] = {"stuck": text}
        else:
            name = act.definition.name
            turned = replace(place.status, state=SagaState.COMPENSATING, failed_step=name)
            state = turned.state if self.plan.to_undo(turned) else SagaState.COMPENSATED
            values = {"state": state.value, "failed_step": name, "error": text}
            self.cause = error
        patient = replace(place, waits=True)
        try:
            yield from self.ask(partial(log.note, place=patient, act=act, **values))
        except log.Moved:
            pass
        except Exception as failure:
            raise interrupted(place.name, place.status, failure) from failure

    def _seen(self, status: SagaStatus) -> Generator[Work | Wait, Returned, SagaStatus]:
        try:
            seen = yield from self.ask(partial(log.look, name=self.plan.saga, saga_id=status.id))
        except Exception as error:
            raise interrupted(self.plan.saga, status, error) from error
        if seen is None:
            raise SagaChanged(f"the saga {self.plan.saga!r} {status.id!r} is not there any more; who has deleted it?")
        found: SagaStatus = seen
        return found

    def _inside(self, question: Callable[..., Any]) -> Work:
        body = (lambda session: session.run_sync(question)) if self.target.asynchronous else question
        return Work(Course(self.target, Terms()), body)


def advanced(status: SagaStatus, act: Act, result: Any) -> SagaStatus:
    """Where a saga stands after this."""
    state = log.ENDS[act.direction] if act.last else status.state
    name = act.definition.name
    if act.direction == "do":
        return replace(status, state=state, results={**status.results, name: copy.deepcopy(result)}, stuck=None)
    return replace(status, state=state, compensated=(*status.compensated, name), stuck=None)
