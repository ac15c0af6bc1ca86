"""Several units of work, one after another, as a generator asks for them; in plain code or in a task."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from acidity.run import drivers
from acidity.run.course import Course, Wait


@dataclass(frozen=True, slots=True)
class Work:
    """One unit of work; under asyncio, the body gives something to await."""

    course: Course
    body: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Returned:
    """What came of a unit of work or a wait."""

    value: Any = None
    error: BaseException | None = None

    def get(self) -> Any:
        """The value.

        Raises:
            BaseException: what it raised.
        """
        if self.error is not None:
            raise self.error
        return self.value


Moves = Generator[Work | Wait, Returned, Any]


def drive(steps: Moves) -> Any:
    """In plain code."""
    reply: Returned | None = None
    while True:
        try:
            step = next(steps) if reply is None else steps.send(reply)
        except StopIteration as done:
            return done.value
        try:
            reply = Returned(drivers.run(step.course, step.body)) if isinstance(step, Work) else _pause(step)
        except BaseException as error:
            reply = Returned(error=error)


async def drive_async(steps: Moves) -> Any:
    """In a task."""
    reply: Returned | None = None
    while True:
        try:
            step = next(steps) if reply is None else steps.send(reply)
        except StopIteration as done:
            return done.value
        try:
            if isinstance(step, Work):
                reply = Returned(await drivers.run_async(step.course, step.body))
            else:
                await drivers.async_sleep(step.seconds)
                reply = Returned()
        except BaseException as error:
            reply = Returned(error=error)


def _pause(step: Wait) -> Returned:
    drivers.sleep(step.seconds)
    return Returned()
