"""Carry out the steps of a course: in plain code, in a task, and for blocks that are entered and left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy.util import greenlet_spawn

from acidity.run.course import Body, Course, Failed, Moves, Wait, Work
from acidity.run.decide import Ended
from acidity.run.telemetry import steps_of

sleep = time.sleep
NOTHING: Mapping[str, Any] = {}


async def async_sleep(seconds: float) -> None:
    """A name of its own, so that tests can do without waiting."""
    await asyncio.sleep(seconds)


def to_body(
    steps: Moves, reply: Any = None, body: Callable[..., Any] | None = None, args: Any = (), kwargs: Any = NOTHING
) -> Body | Ended:
    """Carry out steps in plain code, where nothing has to be shielded, up to a user's block or to the end.

    Args:
        steps: of a course.
        reply: to the last step: what it gave, or `Failed`.
        body: the user's code, if it is a function; the session comes before its arguments.
        args: its arguments.
        kwargs: and by name.
    """
    try:
        while True:
            step = steps.send(reply)
            kind = type(step)
            try:
                if kind is Body:
                    if body is None:
                        return step  # type: ignore[return-value]
                    reply = body(step.session, *args, **kwargs)  # type: ignore[union-attr]
                elif kind is Wait:
                    reply = sleep(step.seconds)  # type: ignore[union-attr]
                else:
                    reply = step()  # type: ignore[operator]
            except BaseException as error:
                reply = Failed(error)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    except BaseException:  # Ctrl-C between two steps
        steps.close()
        raise


async def to_body_async(
    steps: Moves,
    course: Course,
    reply: Any = None,
    body: Callable[..., Any] | None = None,
    args: Any = (),
    kwargs: Any = NOTHING,
) -> Body | Ended:
    """The same in a task."""
    try:
        while True:
            step = steps.send(reply)
            kind = type(step)
            try:
                if kind is Body:
                    if body is None:
                        return step  # type: ignore[return-value]
                    reply = await body(step.session, *args, **kwargs)  # type: ignore[union-attr]
                elif kind is Wait:
                    reply = await async_sleep(step.seconds)  # type: ignore[union-attr, func-returns-value]
                elif getattr(step, "shielded", False):
                    reply = await _to_its_end(step, course)  # type: ignore[arg-type]
                else:
                    reply = await greenlet_spawn(step)  # type: ignore[arg-type]
                    if reply is not None and asyncio.iscoroutine(reply):
                        reply = await reply
            except BaseException as error:
                reply = Failed(error)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    except BaseException:
        steps.close()
        raise


async def _to_its_end(step: Work, course: Course) -> Any:
    """In a task of its own, which nobody cancels. `asyncio.shield` costs twice as much on top of the task."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(greenlet_spawn(step))
    while not task.done():
        waiter = loop.create_future()
        task.add_done_callback(partial(_wake, waiter))
        try:
            await waiter
        except asyncio.CancelledError as error:  # what is under way is finished first
            course.interrupted = error
    return task.result()


def _wake(waiter: asyncio.Future[None], _: Any) -> None:
    if not waiter.done():  # a cancellation has woken it
        waiter.set_result(None)


def outcome(course: Course, ended: Any) -> Any:
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


def run(course: Course, function: Callable[..., Any], args: Any = (), kwargs: Any = NOTHING) -> Any:
    """Run a plain function as the unit; the session comes before its arguments."""
    return outcome(course, to_body(steps_of(course), None, function, args, kwargs))


async def run_async(
    course: Course, function: Callable[..., Awaitable[Any]], args: Any = (), kwargs: Any = NOTHING
) -> Any:
    """Run a coroutine function as the unit."""
    return outcome(course, await to_body_async(steps_of(course), course, None, function, args, kwargs))


def to_end(course: Course) -> Any:
    """Carry out a course that calls no body."""
    return outcome(course, to_body(steps_of(course)))


async def to_end_async(course: Course) -> Any:
    """The same in a task: the one that awaits this, as a unit belongs to the task that begins it."""
    return outcome(course, await to_body_async(steps_of(course), course))
