"""The steps of a saga as the program defines them, and which one is next: pure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from acidity.errors import UsageError
from acidity.run.errors import SagaChanged
from acidity.run.fingerprint import digest
from acidity.run.saga.status import SagaState, SagaStatus

Direction = Literal["do", "undo"]


@dataclass(frozen=True, slots=True)
class SagaStep:
    """What a step, or a compensation, is told; its second argument.

    Attributes:
        saga_id: as given to ``run()``.
        name: of the step.
        payload: as given to ``run()``; a copy.
        results: step → result, of the steps that are done; copies.
        key: a text that is the same whenever this step of this saga is tried, and belongs to nothing else: the
            idempotency key for effects outside of the database. A compensation has another one than its step.
        do_key: in a compensation, the `key` that its step had; otherwise the same as `key`.
        result: in a compensation, what its step returned; None if that was refused (``external=True``).
    """

    saga_id: str
    name: str
    payload: Any
    results: Mapping[str, Any]
    key: str
    do_key: str
    result: Any = None


@dataclass(frozen=True, slots=True)
class Definition:
    """One step of the program; see `Saga.step`."""

    name: str
    function: Callable[..., Any]
    compensate: Callable[..., Any] | None = None
    external: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to do in one unit of work.

    Attributes:
        direction: do the step, or undo it.
        position: of the step, from 0.
        definition: of the step.
        last: with it, the saga has ended.
    """

    direction: Direction
    position: int
    definition: Definition
    last: bool

    @property
    def function(self) -> Callable[..., Any]:
        """What to call."""
        function = self.definition.function if self.direction == "do" else self.definition.compensate
        assert function is not None, "only what has a compensation is compensated"
        return function


@dataclass
class Plan:
    """The steps of a saga in their order.

    Attributes:
        saga: its name.
        steps: what was defined so far.
    """

    saga: str
    steps: list[Definition] = field(default_factory=list)

    def add(self, step: Definition) -> None:
        """One step more.

        Raises:
            UsageError: it cannot stand here.
        """
        if any(each.name == step.name for each in self.steps):
            raise UsageError(f"the saga {self.saga!r} has a step {step.name!r} already; give this one another name=")
        pivot = next((each.name for each in self.steps if each.compensate is None), None)
        if pivot is not None and step.compensate is not None:
            raise UsageError(
                f"the compensation of {step.name!r} would never run: {pivot!r} has none, so that after it the saga "
                f"only goes forward; give {pivot!r} a compensation, or leave this one out"
            )
        if step.external and step.compensate is None:
            raise UsageError(f"external=True of {step.name!r} asks for a compensation also when the step fails")
        self.steps.append(step)

    def next(self, status: SagaStatus) -> Act | None:
        """What to do next; None if the saga has ended.

        Raises:
            SagaChanged: it was begun with other steps.
        """
        if status.state.ended:
            return None
        done = self._done(status)
        if status.state is SagaState.RUNNING:
            position = len(done)
            if position == len(self.steps):
                raise self._changed(status, "all of its steps are done, and it has not ended")
            return Act("do", position, self.steps[position], last=position + 1 == len(self.steps))
        left = self.to_undo(status)
        if not left:
            raise self._changed(status, "nothing is left to compensate, and it has not ended")
        return Act("undo", left[0], self.steps[left[0]], last=len(left) == 1)

    def to_undo(self, status: SagaStatus) -> list[int]:
        """The positions of the steps to compensate, the last step first.

        Raises:
            SagaChanged: it was begun with other steps.
        """
        positions = range(len(self._done(status)))
        failed = [each for each, step in enumerate(self.steps) if step.name == status.failed_step and step.external]
        left = [
            position
            for position in sorted({*positions, *failed}, reverse=True)
            if self.steps[position].name not in status.compensated
        ]
        for position in left:
            if self.steps[position].compensate is None:
                raise self._changed(status, f"its step {self.steps[position].name!r} has no compensation now")
        return left

    def is_past_pivot(self, status: SagaStatus) -> bool:
        """Whether a step that cannot be compensated is done: from there, the saga only goes forward."""
        return any(step.compensate is None for step in self._done(status))

    def told(self, status: SagaStatus, act: Act) -> SagaStep:
        """What the function of an act is told; copies, so that what it changes in them reaches nobody."""
        name = act.definition.name
        return SagaStep(
            saga_id=status.id,
            name=name,
            payload=copy.deepcopy(status.payload),
            results=copy.deepcopy(dict(status.results)),
            key=key_of(self.saga, status.id, act.direction, name),
            do_key=key_of(self.saga, status.id, "do", name),
            result=copy.deepcopy(status.results.get(name)) if act.direction == "undo" else None,
        )

    def _done(self, status: SagaStatus) -> Sequence[Definition]:
        done = list(status.results)
        if [step.name for step in self.steps[: len(done)]] != done:
            raise self._changed(status, f"its steps {', '.join(done)} are done")
        return self.steps[: len(done)]

    def _changed(self, status: SagaStatus, found: str) -> SagaChanged:
        now = ", ".join(step.name for step in self.steps) or "none"
        return SagaChanged(
            f"the saga {self.saga!r} with the id {status.id!r} does not fit the steps as they are defined now ({now}): "
            f"{found}; let the program that began it finish it, or define its steps as they were"
        )


def key_of(saga: str, saga_id: str, direction: Direction, step: str) -> str:
    """The one text for one direction of one step of one saga."""
    return digest(saga, saga_id, direction, step)
