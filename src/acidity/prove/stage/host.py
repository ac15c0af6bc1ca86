"""Where operations run: plain functions right here, coroutine functions as tasks of one event loop.

SQLAlchemy's own code is the same in both worlds; `Host.sync` runs a plain function where the drivers of this host can
work, which in the async world is a greenlet inside the loop.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from acidity.adapters.seam import Actor, current_actor
from acidity.adapters.site import calls_operations, creator_place, find_place
from acidity.core.scenario import Operation
from acidity.errors import UsageError
from acidity.prove.stage.naps import loop_time

T = TypeVar("T")
_MOMENT_S = 1.0


def is_async(operation: Operation) -> bool:
    """Whether the operation is a coroutine function (or an object whose call is one), or a request over ASGI."""
    if operation.request is not None:
        return operation.request.protocol == "asgi"
    function: Any = operation.function
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


class Host(Protocol):
    """Runs operations of one kind."""

    asynchronous: bool

    def sync(self, function: Callable[[], T]) -> T:
        """Run a plain function that uses the drivers."""

    def abandon(self) -> None:
        """Let go of a run that was ended in its middle."""

    def close(self) -> None:
        """End what the host started."""


class PlainHost:
    """The caller's own thread."""

    asynchronous = False

    def sync(self, function: Callable[[], T]) -> T:
        """Call the function, which has this thread to itself."""
        return function()

    def abandon(self) -> None:
        """Nothing is left of it."""

    def close(self) -> None:
        """Nothing was started, so nothing ends."""


class LoopHost:
    """One event loop for all runs; module-level async engines feel at home in it.

    Raises:
        UsageError: called from inside a running event loop.
    """

    asynchronous = True

    def __init__(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise UsageError(
                "an async operation cannot be checked from inside a running event loop; "
                "call prove.… from plain code, or with: await asyncio.to_thread(prove.check, scenario)"
            )
        self._runner = asyncio.Runner(loop_factory=_loop)
        self._runner.get_loop()

    @calls_operations
    def sync(self, function: Callable[[], T]) -> T:
        """Run it in a greenlet of the loop, so that it may await below SQLAlchemy."""
        from sqlalchemy.util import greenlet_spawn

        async def spawn() -> T:
            result: T = await greenlet_spawn(function)
            return result

        return self._runner.run(spawn())

    @calls_operations
    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run one coroutine as a task of its own."""
        return self._runner.run(coroutine)

    def abandon(self) -> None:
        """Cancel its tasks, and give them a moment to end."""
        loop = self._runner.get_loop()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=_MOMENT_S))

    def close(self) -> None:
        """Close the event loop with all that still runs in it."""
        self._runner.close()


def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_task_factory(_task_knowing_its_creator)
    with suppress(AttributeError):  # one that is not Python's own keeps its clock, and its sleeps take their time
        loop.time = loop_time  # type: ignore[method-assign]
    return loop


def tasks_begun_by(actor: Actor) -> list[asyncio.Task[Any]]:
    """Those that a caller has begun, and that have not ended."""
    return [task for task, whose in list(_begun.items()) if whose is actor and not task.done()]


_begun: WeakKeyDictionary[asyncio.Task[Any], Actor] = WeakKeyDictionary()


def _task_knowing_its_creator(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """A task's stack does not show who made it (``asyncio.wait_for`` makes one); keep that line as a fallback."""
    token, actor = creator_place.set(find_place()), current_actor()
    try:
        task = asyncio.Task(coroutine, loop=loop, **options)
    finally:
        creator_place.reset(token)
    if actor is not None:
        _begun[task] = actor
    return task
