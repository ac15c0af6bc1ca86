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
class Reply:
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


Steps = Generator[Work | Wait, Reply, Any]


def drive(steps: Steps) -> Any:
    """In plain code."""
    reply: Reply | None = None
    while True:
        try:
            step = next(steps) if reply is None else steps.send(reply)
        except StopIteration as done:
            return done.value
        try:
            reply = Reply(drivers.run(step.course, step.body)) if isinstance(step, Work) else _pause(step)
        except BaseException as error:
            reply = Reply(error=error)


async def drive_async(steps: Steps) -> Any:
    """In a task."""
    reply: Reply | None = None
    while True:
        try:
            step = next(steps) if reply is None else steps.send(reply)
        except StopIteration as done:
            return done.value
        try:
            if isinstance(step, Work):
                reply = Reply(await drivers.run_async(step.course, step.body))
            else:
                await drivers.async_sleep(step.seconds)
                reply = Reply()
        except BaseException as error:
            reply = Reply(error=error)


def _pause(step: Wait) -> Reply:
    drivers.sleep(step.seconds)
    return Reply()
