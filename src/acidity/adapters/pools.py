"""Pools of bare drivers: what they ask of their connections themselves, for no operation.

A pool opens connections in threads and tasks of its own, and calls what the program has given it to set them up, or to
look whether they are alive (``configure=``, ``check=``, ``reset=`` of psycopg_pool, ``init=`` of asyncpg). Which
operation waits for that, and whether any does, differs from run to run.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial, wraps
from inspect import iscoroutinefunction
from time import monotonic, sleep
from types import FrameType
from typing import Any
from weakref import WeakSet, ref

from acidity.adapters.drivers.base import Hooks
from acidity.adapters.site import is_user_code, is_where_acidity_calls

_POOLS = ("psycopg2.pool", "psycopg_pool.", "dbutils.", "mysql.connector.pooling")
_PATIENCE_S, _STEP_S = 0.5, 0.001  # for threads that are at it
_THEIR_WORK = {
    "psycopg_pool.pool": {"_connect", "_check_connection", "check_connection", "_reset_connection"},
    "psycopg_pool.pool_async": {"_connect", "_check_connection", "check_connection", "_reset_connection"},
    "asyncpg.pool": {"_get_new_connection"},
}
"""Module → its functions that call what sets a connection up or looks after it."""
_EMPTIED = ("psycopg_pool.pool", "psycopg_pool.pool_async", "psycopg_pool.null_pool", "psycopg_pool.null_pool_async")


def is_by_a_pool() -> bool:
    """Whether a pool of a driver's asks for this ROLLBACK: a connection comes back to it that nobody has committed."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_user_code(frame.f_code.co_filename):
        if frame.f_globals.get("__name__", "").startswith(_POOLS):
            return True
        frame = frame.f_back
    return False


def is_in_a_pool() -> bool:
    """Whether a pool of a driver's sets a connection up, or looks after it, by code of the program or without."""
    return any(module in sys.modules for module in _THEIR_WORK) and _frame(_is_its_work) is not None


class Kept:
    """Pools of psycopg_pool that have opened connections here, which the program may keep from run to run."""

    def __init__(self) -> None:
        self._pools: WeakSet[Any] = WeakSet()

    def watch(self, hooks: Hooks) -> None:
        """Know of what they hand to their threads and tasks, from now on."""
        for module, name in (
            ("psycopg_pool.pool", "ConnectionPool"),
            ("psycopg_pool.pool_async", "AsyncConnectionPool"),
        ):
            pool = getattr(sys.modules.get(module), name, None)
            if pool is not None and hasattr(pool, "run_task"):
                hooks.put(pool, "run_task", _noting(pool.run_task))

    def note(self) -> bool:
        """A connection is being opened; whether a pool does that, which is noted."""
        if not any(module in sys.modules for module in _EMPTIED):
            return False
        frame = _frame(lambda frame: frame.f_code.co_name == "_connect" and _module(frame) in _EMPTIED)
        if frame is not None:
            self._pools.add(frame.f_locals["self"])
        return frame is not None

    def empty(self) -> None:
        """Let each pool forget the connections that lie in it, as if it had not opened them yet.

        They are closed by whoever has taken them in. A pool that is given a closed one would hand it out, or, if it is
        to look, wait for a second before it gives another one. So does one whose connection is closed amid its set-up.
        """
        until = monotonic() + _PATIENCE_S
        while are_at_work() and monotonic() < until:
            _let_work()
        for pool in self._pools:
            lying = getattr(pool, "_pool", ())
            while lying:
                lying.popleft()
                pool._nconns -= 1

    def close(self) -> None:
        """Close those that have threads; who keeps one finds it closed."""
        for pool in self._pools:
            if not iscoroutinefunction(pool.close):
                with suppress(Exception):
                    pool.close(timeout=0)


def are_at_work() -> bool:
    """Whether a pool opens a connection now, or will at once, so that who waits for one does not wait for a caller."""
    return bool(_in_threads or _in_tasks)


_in_threads: WeakSet[Any] = WeakSet()
_in_tasks: WeakSet[Any] = WeakSet()


def _let_work() -> None:
    """A moment for threads, and, from within a greenlet of a loop, for its tasks."""
    from sqlalchemy.exc import MissingGreenlet
    from sqlalchemy.util import await_only

    pause = asyncio.sleep(_STEP_S)
    try:
        await_only(pause)
    except MissingGreenlet:
        pause.close()
        sleep(_STEP_S)


def _noting(run_task: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    @wraps(run_task)
    def noting(pool: Any, task: Any) -> None:
        if type(task).__name__ != "StopWorker":  # which ends a thread, and is not run
            awaits = iscoroutinefunction(task.run)
            (_in_tasks if awaits else _in_threads).add(task)
            task.run = partial(_run_async if awaits else _run, type(task).run, ref(task))
        run_task(pool, task)

    return noting


def _run(run: Callable[[Any], None], task: ref[Any]) -> None:
    try:
        run(task())
    finally:
        _in_threads.discard(task())


async def _run_async(run: Callable[[Any], Awaitable[None]], task: ref[Any]) -> None:
    try:
        await run(task())
    finally:
        _in_tasks.discard(task())


def _is_its_work(frame: FrameType) -> bool:
    return frame.f_code.co_name in _THEIR_WORK.get(_module(frame), ())


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _frame(fits: Callable[[FrameType], bool]) -> FrameType | None:
    """The innermost one that does, within what acidity has called."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_where_acidity_calls(frame.f_code):
        if fits(frame):
            return frame
        frame = frame.f_back
    return None
