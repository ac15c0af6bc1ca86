"""No waits: what `atomic` would wait before another attempt is skipped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import SupportsIndex

from acidity.run import drivers


@contextmanager
def no_waits() -> Iterator[None]:
    """Skip the waits of RUN, in the whole process, while the context lasts: another thread or task gets its turn only.

    Attempts are made as often as before. Locks are waited for as ever: that is the database's wait.

    Example:
        >>> with no_waits():                      # doctest: +SKIP
        ...     transfer(1, 2, 50)                # its retries follow at once
    """
    old = drivers.sleep, drivers.async_sleep
    drivers.sleep, drivers.async_sleep = _yield, _yield_async
    try:
        yield
    finally:
        drivers.sleep, drivers.async_sleep = old


def _yield(_seconds: SupportsIndex | float, /) -> None:
    time.sleep(0)


async def _yield_async(seconds: float) -> None:
    del seconds
    await asyncio.sleep(0)
