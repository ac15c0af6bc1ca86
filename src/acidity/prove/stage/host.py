"""Where operations run: plain functions right here, coroutine functions as tasks of one event loop.

SQLAlchemy's own code is the same in both worlds; `Host.sync` runs a plain function where the drivers of this host can
work, which in the async world is a greenlet inside the loop.
"""

from __future__ import annotations

import asyncio
import inspect
import selectors
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from acidity.adapters.seam import Actor, current_actor
from acidity.adapters.site import calls_operations, creator_place, find_place
from acidity.core.scenario import Operation
from acidity.errors import UsageError
from acidity.prove.stage.naps import loop_time

T = TypeVar("T")
_MOMENT_S = 1.0
_TIMES = 10


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

    def let_go(self, closing: Callable[[], object], is_left: Callable[[], bool] = lambda: False) -> None:
        """Run what closes connections that the program may keep, until none is left."""

    def goes_on(self) -> bool:
        """Whether it works in a process that was forked after that; asked there, once."""

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

    def let_go(self, closing: Callable[[], object], is_left: Callable[[], bool] = lambda: False) -> None:
        """Nobody opens another one meanwhile."""
        del is_left
        self.sync(closing)

    def goes_on(self) -> bool:
        """It has nothing that the other process could miss."""
        return True

    def close(self) -> None:
        """Nothing was started, so nothing ends."""


class LoopHost:
    """One event loop for all runs; module-level async engines feel at home in it.

    It is closed with the check, and the next one opens it again: a lock, queue or event of a module belongs for good to
    the loop in which somebody has waited for it.

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
        self._of_parent: set[asyncio.Task[Any]] = set()

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
        _cancelled(self._runner.get_loop())

    def let_go(self, closing: Callable[[], object], is_left: Callable[[], bool] = lambda: False) -> None:
        """Note who opens another one instead, as a pool does in a task: that is done in this process alone.

        A connection that is open in two processes serves neither, so before a fork none may be left.
        """
        loop = self._runner.get_loop()
        known = asyncio.all_tasks(loop)
        for _ in range(_TIMES):  # while they were closed another one may have become ready
            self.sync(closing)
            if not is_left():
                break
        self._of_parent = {task for task in self._of_parent | (asyncio.all_tasks(loop) - known) if not task.done()}

    def goes_on(self) -> bool:
        """With the same loop, since what the program keeps is bound to it: a pool, a lock, a session of a client.

        What the loop waits with belongs to the other process, too, and what it was about to do is done there. Tasks
        that are cancelled here give back what they hold, for which one that was about to go on has to.
        """
        loop: Any = self._runner.get_loop()
        due = [handle for handle in getattr(loop, "_ready", ()) if _task_of(handle) in self._of_parent]
        if not _given_ears(loop):
            return False
        for task in self._of_parent:
            task.cancel()
        loop._ready.extend(due)
        return True

    def close(self) -> None:
        """Close the event loop with all that still runs in it, also what takes no notice of being cancelled."""
        loop: Any = self._runner.get_loop()
        deaf = _cancelled(loop)
        if deaf:
            for task in deaf:
                task._log_destroy_pending = False
                with suppress(Exception):
                    task.get_coro().close()
            asyncio.set_event_loop(None)
            loop.close()
        else:
            self._runner.close()
            _closed[:] = [loop]


def _task_of(handle: Any) -> asyncio.Task[Any] | None:
    """The task that a loop goes on with where it comes to this handle, if it is one."""
    whose = getattr(handle._callback, "__self__", None)
    return whose if isinstance(whose, asyncio.Task) else None


def _cancelled(loop: asyncio.AbstractEventLoop) -> set[Any]:
    """Those of its tasks that go on, a moment after they were cancelled; what waits for something may end only then."""
    tasks: set[Any] = asyncio.all_tasks(loop)
    for _ in range(_TIMES):
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=_MOMENT_S / _TIMES))
        tasks = {task for task in tasks if not task.done()}
    return tasks


_closed: list[asyncio.AbstractEventLoop] = []  # the last one in which all has ended


def _loop() -> asyncio.AbstractEventLoop:
    loop = _closed.pop() if _closed else None
    if loop is None or not _opened_again(loop):
        loop = asyncio.new_event_loop()
    loop.set_task_factory(_task_knowing_its_creator)
    loop.set_exception_handler(_provoked)
    with suppress(AttributeError):  # one that is not Python's own keeps its clock, and its sleeps take their time
        loop.time = loop_time  # type: ignore[method-assign]
        loop.call_soon_threadsafe = partial(_call_soon, loop)  # type: ignore[assignment,method-assign]
    return loop


def _provoked(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """An error that nobody has asked for, in a loop whose connections are cut: no news, whenever it is noticed."""


def _call_soon(loop: Any, callback: Any, *arguments: Any, context: Any = None) -> asyncio.Handle:
    """What a thread of a driver answers when all is over is for nobody, and no error of that thread."""
    try:
        handle: asyncio.Handle = type(loop).call_soon_threadsafe(loop, callback, *arguments, context=context)
    except RuntimeError:
        if not loop.is_closed():
            raise
        return asyncio.Handle(callback, arguments, loop, context)
    return handle


def _opened_again(loop: Any) -> bool:
    """Whether a loop that was closed is open again; one that is not Python's own cannot be."""
    if not isinstance(loop, asyncio.SelectorEventLoop):
        return False
    private: Any = loop
    private._closed = private._executor_shutdown_called = private._asyncgens_shutdown_called = False
    private._closed = not _given_ears(loop)
    return not loop.is_closed()


def _given_ears(loop: Any) -> bool:
    """Give a loop ears of its own, in which nothing waits yet; one that is not Python's own cannot have them."""
    if not isinstance(loop, asyncio.SelectorEventLoop):
        return False
    private: Any = loop
    try:
        private._ready.clear()
        private._scheduled.clear()
        private._selector = selectors.DefaultSelector()
        private._make_self_pipe()
        private._default_executor = None  # its threads are not here, or no more
    except AttributeError:  # of an asyncio that has other insides
        return False
    return True


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
