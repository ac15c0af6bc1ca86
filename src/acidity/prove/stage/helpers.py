"""Threads that an operation starts, and the work that it hands to an executor, are the operation's, as its tasks are.

Whose a Call is stands in a context variable, of which a new thread has a copy from Python 3.14 on at the earliest
(`threading.Thread`, ``sys.flags.thread_inherit_context``). So what an actor starts is begun as that actor, and no other
variable is handed on. A thread that a driver or a pool starts for whoever comes is nobody's: each piece of its work is
somebody's. An operation has ended when what the program has started has ended; a thread of the program's that goes on
makes the run undecided, and what anything does after its run is nobody's.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import FrameType, FunctionType
from typing import Any

from acidity.adapters.drivers import DRIVERS
from acidity.adapters.seam import Actor, Helper, acting, current_actor
from acidity.adapters.site import is_user_code, shown

_SERVANTS = frozenset({"acidity", "concurrent", "anyio", "psycopg_pool", *DRIVERS})
"""Packages that start threads for whoever comes."""
_BETWEEN = frozenset({"threading", "asyncio", "concurrent", "multiprocessing"})
"""Packages by which a program starts something."""
PATIENCE_S = 2.0  # for what the program has left behind
QUIET_S = 0.05  # and for what its libraries have, or its tasks, without a Call
_STEP_S = 0.001


@contextmanager
def handing_on(actors: Iterable[Actor]) -> Iterator[None]:
    """What these start in here is theirs; what is left of it afterwards is nobody's."""
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit

    def start_as(thread: threading.Thread) -> None:
        actor, by = current_actor(), _starter(sys._getframe(1), {"threading"})
        if actor is not None and thread.ident is None and _package(by) not in _SERVANTS:
            actor.helpers[thread] = Helper(thread, _line(by))
            thread.run = partial(_live, actor, thread.run)  # type: ignore[method-assign]
        try:
            start(thread)
        except RuntimeError:  # there are too many
            if actor is not None and thread.ident is None:
                actor.helpers.pop(thread, None)
            raise

    def submit_as(
        executor: ThreadPoolExecutor, function: Callable[..., Any], /, *arguments: Any, **keywords: Any
    ) -> Future[Any]:
        actor = current_actor()
        if actor is None:
            return submit(executor, function, *arguments, **keywords)
        _revive(executor)
        piece = object()
        actor.helpers[piece] = Helper(None, _line(sys._getframe(1)))
        try:
            future = submit(executor, partial(_work, actor, piece, function), *arguments, **keywords)
        except RuntimeError:  # it takes no more
            del actor.helpers[piece]
            raise
        future.add_done_callback(lambda _: actor.helpers.pop(piece, None))  # it may be cancelled
        return future

    threading.Thread.start, ThreadPoolExecutor.submit = start_as, submit_as  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        threading.Thread.start, ThreadPoolExecutor.submit = start, submit  # type: ignore[method-assign]
        for actor in actors:
            actor.over = True


def working_for(actor: Actor) -> list[threading.Thread]:
    """The threads that are at work for it beside its own."""
    return [helper.thread for helper in tuple(actor.helpers.values()) if helper.thread is not None]


def rest(actor: Actor) -> None:
    """Wait until what it has started has ended, and note what of the program's has not."""
    for _ in _until_at_rest(actor):
        time.sleep(_STEP_S)


async def rest_async(actor: Actor) -> None:
    """The same in its task."""
    for _ in _until_at_rest(actor):
        await asyncio.sleep(_STEP_S)


def _until_at_rest(actor: Actor) -> Iterator[None]:
    """Steps of waiting."""
    now = time.monotonic()
    until, quiet, made = now + PATIENCE_S, now + QUIET_S, actor.made
    while actor.helpers and now < until:
        if made != actor.made or actor.made != len(actor.events):
            quiet, made = now + QUIET_S, actor.made
        if now >= quiet and not any(helper.line for helper in tuple(actor.helpers.values())):
            return
        yield
        now = time.monotonic()
    for line in sorted({helper.line for helper in tuple(actor.helpers.values()) if helper.line}):
        actor.bypasses.append(
            f"what the operation starts at {line} is still at work {PATIENCE_S:g} s after it has ended, and nobody "
            "sees what it does then (wait for it: join(), result())"
        )


# Who starts what


def _starter(frame: FrameType | None, between: set[str] | frozenset[str]) -> FrameType | None:
    """The innermost frame that is of none of these packages."""
    while frame is not None and _package(frame) in between:
        frame = frame.f_back
    return frame


def _package(frame: FrameType | None) -> str:
    return "" if frame is None else str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _line(frame: FrameType | None) -> str:
    """Where the program starts it; nothing where a library does so for itself."""
    by = _starter(frame, _BETWEEN)
    if by is None or not is_user_code(by.f_code.co_filename):
        return ""
    return f"{shown(by.f_code.co_filename)}:{by.f_lineno}"


def _revive(executor: ThreadPoolExecutor) -> None:
    """Threads do not survive a fork, and it would wait for them."""
    own: Any = executor
    if own._threads and not any(each.is_alive() for each in own._threads):
        own._threads.clear()
        own._idle_semaphore = threading.Semaphore(0)


# In their threads


def _live(actor: Actor, run: Callable[[], None]) -> None:
    """The life of a thread; what it raises reaches nobody but a hook of the program's, and would only be printed."""
    thread = threading.current_thread()
    try:
        with acting(actor):
            run()
    except BaseException:
        hook = threading.excepthook
        if isinstance(hook, FunctionType) and is_user_code(hook.__code__.co_filename):
            raise
    finally:
        actor.helpers.pop(thread, None)


def _work(actor: Actor, piece: object, function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    """One piece of work in a thread that serves others, too; who watches new threads watches it."""
    if piece in actor.helpers:
        actor.helpers[piece].thread = threading.current_thread()
    watching = threading.getprofile() if sys.getprofile() is None else None
    try:
        if watching is not None:
            sys.setprofile(watching)
        with acting(actor):
            return function(*arguments, **keywords)
    finally:
        if watching is not None:
            sys.setprofile(None)
        actor.helpers.pop(piece, None)
