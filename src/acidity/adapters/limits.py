"""The time limits of the program that run while it awaits: `asyncio.timeout`, `asyncio.wait_for`, those of anyio.

They are timers of the event loop; what only sleeps, or tidies up, is no limit. asyncpg has limits of its own.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from contextvars import Context
from typing import Any

_ENDS = frozenset({"_on_timeout", "_timeout", "_release_waiter", "cancel"})
"""What a limit calls: of `asyncio.Timeout` and async-timeout, of anyio, of `asyncio.wait_for`, of a task."""


def is_limited(mine: Callable[[Context], bool], connection: Any) -> bool:
    """Whether any is running, or the driver's ``command_timeout`` is about to.

    Args:
        mine: see `limits`.
        connection: the driver's, with plain calls; None where there is none.
    """
    config = getattr(getattr(connection, "driver_connection", None), "_config", None)
    return getattr(config, "command_timeout", None) is not None or bool(limits(mine))


def limits(mine: Callable[[Context], bool]) -> list[TimerHandle]:
    """Those that run in the loop of this thread, by when they run out.

    Args:
        mine: whether what was begun in this context counts.
    """
    loop: Any = asyncio._get_running_loop()
    timers: list[Any] = [] if loop is None else getattr(loop, "_scheduled", [])
    found = [each for each in timers if not each.cancelled() and _ends(each._callback) and mine(each._context)]
    return sorted(found, key=TimerHandle.when)


def _ends(callback: Any) -> bool:
    return getattr(callback, "__name__", "") in _ENDS


class Ahead:
    """The clock of an event loop, from now on as late as when a limit runs out, and back again.

    Args:
        loop: where the limit is a timer.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop, self._clock, self._by = loop, loop.time, 0.0
        loop.time = lambda: self._clock() + self._by  # type: ignore[method-assign]

    def run_out(self, limit: TimerHandle) -> None:
        """It is the time of this limit."""
        self._by = max(self._by, limit.when() - self._clock())
        limit._run()
        limit.cancel()

    def close(self) -> None:
        """It is as late as it is."""
        self._loop.time = self._clock  # type: ignore[method-assign]
