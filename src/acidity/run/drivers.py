"""Carry out the steps of a course: in plain code, in a task, and for blocks that are entered and left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from acidity.run.context import in_greenlet
from acidity.run.course import Body, Course, Failed, Shielded, Step, Steps, Wait, Work
from acidity.run.decide import Ended
from acidity.run.telemetry import steps_of

sleep = time.sleep


async def async_sleep(seconds: float) -> None:
    """A name of its own, so that tests can do without waiting."""
    await asyncio.sleep(seconds)


def carry_out(step: Work | Shielded | Wait) -> Any:
    """In plain code, where nothing has to be shielded."""
    if isinstance(step, Shielded):
        return step.work()
    return sleep(step.seconds) if isinstance(step, Wait) else step()


def outcome(course: Course, ended: Ended) -> Any:
    """What the caller gets.

    Raises:
        BaseException: the error that the course ended with, or the cancellation that came meanwhile.
    """
    interrupted = course.interrupted
    if interrupted is not None:
        interrupted.add_note(f"acidity: the unit was {ended.state.value} when the cancellation arrived")
        raise interrupted
    if ended.error is not None:
        raise ended.error
    return ended.result


class Driver:
    """Goes through the steps; stops at the user's code.

    Attributes:
        ended: how it ended, once it has.
    """

    def __init__(self, course: Course) -> None:
        self.course = course
        self.ended: Ended | None = None
        self._steps: Steps = steps_of(course)
        self._step: Step = next(self._steps)

    def reply(self, value: Any) -> None:
        """Tell what came of the step, `Failed` if it raised, and go to the next."""
        try:
            self._step = self._steps.send(value)
        except StopIteration as done:
            self.ended = done.value

    def result(self) -> Any:
        """What the course ended with.

        Raises:
            BaseException: the error that it ended with, or the cancellation that came meanwhile.
        """
        assert self.ended is not None, "the course goes on"
        return outcome(self.course, self.ended)

    def to_body(self) -> Body | None:
        """Go on to where the user's code is to be called; None if it has ended without."""
        while self.ended is None:
            step = self._step
            if isinstance(step, Body):
                return step
            try:
                value = carry_out(step)
            except BaseException as error:
                value = Failed(error)
            self.reply(value)
        return None

    async def to_body_async(self) -> Body | None:
        """The same in a task."""
        while self.ended is None:
            step = self._step
            if isinstance(step, Body):
                return step
            try:
                value = await (async_sleep(step.seconds) if isinstance(step, Wait) else self._do(step))
            except BaseException as error:
                value = Failed(error)
            self.reply(value)
        return None

    async def _do(self, step: Work | Shielded) -> Any:
        async def spawned(work: Work) -> Any:
            value = await in_greenlet(work)
            return await value if asyncio.iscoroutine(value) else value

        if not isinstance(step, Shielded):
            return await spawned(step)
        task = asyncio.ensure_future(spawned(step.work))
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:  # the caller is cancelled; what is under way is finished first
                self.course.interrupted = error
        return task.result()


def run(course: Course, body: Callable[[Any], Any]) -> Any:
    """Run a plain function as the unit."""
    steps, reply = steps_of(course), None
    try:
        while True:
            step = steps.send(reply)
            try:
                reply = body(step.session) if isinstance(step, Body) else carry_out(step)
            except BaseException as error:
                reply = Failed(error)
    except StopIteration as done:
        return outcome(course, done.value)


async def run_async(course: Course, body: Callable[[Any], Awaitable[Any]]) -> Any:
    """Run a coroutine function as the unit."""
    driver = Driver(course)
    while (step := await driver.to_body_async()) is not None:
        try:
            value = await body(step.session)
        except BaseException as error:
            value = Failed(error)
        driver.reply(value)
    return driver.result()
