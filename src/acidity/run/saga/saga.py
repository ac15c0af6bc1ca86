"""`Saga`: the surface."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from acidity.errors import UsageError
from acidity.run import context
from acidity.run.atomic import atomic
from acidity.run.errors import BoundaryError
from acidity.run.fingerprint import exact_json
from acidity.run.saga import log
from acidity.run.saga.plan import Definition, Plan
from acidity.run.saga.story import Story
from acidity.run.target import target_of
from acidity.run.works import Moves, drive, drive_async

_LENGTH_MAX = 255


class Saga:
    """Steps that are committed one by one; if one is refused, those before it are compensated, the last one first.

    What is done is written down in the transaction that does it, so that a saga whose process was killed is carried on
    from exactly there. Others see the steps while the saga goes on: it is atomic in the end, and not isolated.

    A step that has no ``compensate=`` is the *pivot*: once it is done, the saga only goes forward.

    On an async engine, steps and compensations are coroutine functions, and every method is awaited.

    Args:
        what: an `Engine`, a `sessionmaker`, an `AsyncEngine` or an `async_sessionmaker`; `acidity.run.tables` says how
            the tables are created.
        name: of this kind of saga; stored, so keep it.
        isolation_level: of every step and compensation.
        max_attempts: how often in a row something that must go through is tried: a compensation, a step after the
            pivot, and everything when the database is not there or not free. The first time counts.
        invariants: ``rule(session)`` called just before the COMMIT of every step and compensation.

    Raises:
        UsageError: the arguments make no sense.

    Example:
        >>> trip = Saga(engine, "trip")                                                     # doctest: +SKIP
        >>> @trip.step(compensate=cancel_flight)                                            # doctest: +SKIP
        ... def book_flight(session, step):
        ...     return {"seat": book(session, step.payload["flight"])}
        >>> trip.run("order-7", {"flight": "XY 1"})                                         # doctest: +SKIP
        {'book_flight': {'seat': '12A'}}
    """

    def __init__(
        self,
        what: Any,
        name: str,
        *,
        isolation_level: str | None = None,
        max_attempts: int = 5,
        invariants: Sequence[Callable[[Any], Any]] = (),
    ) -> None:
        unit = atomic(what, isolation_level=isolation_level, max_attempts=max_attempts, invariants=invariants)
        self.what, self.asynchronous, self.max_attempts, self._terms = what, unit.asynchronous, max_attempts, unit.terms
        self._plan = Plan(_text("the name of a saga", name))

    @property
    def name(self) -> str:
        """Of this kind of saga."""
        return self._plan.saga

    def step(
        self, *, compensate: Callable[..., Any] | None = None, external: bool = False, name: str | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """The decorated function is the next step: ``function(session, step)``, with a `SagaStep`.

        It is a unit of work as with `atomic`, and what it returns is stored with it: plain JSON. It may be called more
        than once before it is committed, so an effect outside of the database needs ``step.key``.

        Args:
            compensate: ``compensate(session, step)``, a unit of its own, undoes what the step has done; ``step.result``
                is what that returned. It must go through sooner or later. None makes this step the pivot.
            external: the step has an effect outside of the database, which stays when the transaction is rolled back:
                compensate this step too when it is refused. The compensation then has to cope with an effect that may
                never have been (``step.result`` is None; ``step.do_key`` is the key that the step used).
            name: stored; by default the function's.

        Returns:
            A decorator that leaves the function as it is.

        Raises:
            UsageError: the function cannot be a step here.
        """

        def define(function: Callable[..., Any]) -> Callable[..., Any]:
            for each in (function, compensate):
                self._check(each)
            own = name or getattr(function, "__name__", "")
            self._plan.add(Definition(_text("the name of a step", own), function, compensate, external))
            return function

        return define

    def run(self, saga_id: str, payload: Any = None) -> Any:
        """Carry out the saga with this id, or give the answer that it had: one id is carried out once.

        Args:
            saga_id: what the saga is known by, as the number of an order; the caller's to choose.
            payload: what the steps are to know; plain JSON.

        Returns:
            Step → result.

        Raises:
            SagaFailed: a step was refused, and what was done before is compensated; the cause is its ``__cause__``
                where it happened in this process.
            SagaStuck: a compensation or a step after the pivot fails for good.
            SagaInterrupted: the database was not there; the saga will be carried on.
            KeyReused: this id was begun with another payload.
            SagaChanged: it was begun with other steps.
            BoundaryError: called inside a unit of work, which one COMMIT would have to end.
        """
        text = exact_json(payload, "the payload of a saga")
        return self._drive(self._story().run(_text("the id of a saga", saga_id), text))

    def resume(self, saga_id: str | None = None) -> Any:
        """Carry on what was interrupted: call this at the start of a process, and every few seconds in one of them.

        Several processes may do so at once. A saga that another one is at work on is left to that one.

        Args:
            saga_id: only this saga, and also if it is stuck.

        Returns:
            A list of `SagaStatus`, one for each saga that was carried on.

        Raises:
            SagaInterrupted: one of them could not be carried on now; the others were.
            SagaChanged: one of them was begun with other steps; the others were carried on.
            UsageError: there is no saga with this id.
        """
        return self._drive(self._story().resume(saga_id))

    def status(self, saga_id: str) -> Any:
        """What the database knows of one saga: a `SagaStatus`, or None."""
        return self._ask(partial(log.look, name=self.name, saga_id=saga_id))

    def unfinished(self) -> Any:
        """The sagas that have not ended, the oldest first; a list of `SagaStatus`."""
        return self._ask(partial(log.unfinished, name=self.name))

    def stuck(self) -> Any:
        """The sagas that somebody has to look at: a compensation, or a step after the pivot, fails for good."""
        return self._ask(partial(log.unfinished, name=self.name, stuck=True))

    def prune(self, *, older_than: timedelta) -> Any:
        """Delete sagas that have ended; give how many. An id that is pruned can be begun again.

        Args:
            older_than: the age, since they began, from which they go.
        """
        return self._ask(partial(log.forget, name=self.name, older_than=older_than))

    # Inside

    def _check(self, function: Callable[..., Any] | None) -> None:
        if function is not None and inspect.iscoroutinefunction(function) is not self.asynchronous:
            wrong = "a plain function on an async" if self.asynchronous else "a coroutine function on a plain"
            raise UsageError(f"{getattr(function, '__name__', function)!s}() is {wrong} engine")

    def _story(self) -> Story:
        if not self._plan.steps:
            raise UsageError(f"the saga {self.name!r} has no steps; define them with @saga.step(compensate=…)")
        return Story(target_of(self.what), self._terms, self._plan, self.max_attempts)

    def _ask(self, question: Callable[..., Any]) -> Any:
        return self._drive(Story(target_of(self.what), self._terms, self._plan, self.max_attempts).ask(question))

    def _drive(self, steps: Moves) -> Any:
        if context.current(target_of(self.what).key) is not None:
            steps.close()
            raise BoundaryError("a saga commits several times, so it cannot be part of a unit of work; call it outside")
        return drive_async(steps) if self.asynchronous else drive(steps)


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > _LENGTH_MAX or "\0" in value:
        raise UsageError(f"{what} is a text of 1 to {_LENGTH_MAX} characters without NUL, not {value!r:.80}")
    return value
