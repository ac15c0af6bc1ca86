"""Whether a transaction is given up on purpose: its Session or connection is closed while an error is on its way.

Who closes it without an error, and without COMMIT, has forgotten that; what it wrote is rolled back all the same.
"""

from __future__ import annotations

import asyncio
import functools
import queue
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from acidity.core.variable import context_variable

_CLOSED_FOR: ContextVar[int] = context_variable("acidity_closed_for", 0)
_made_amid: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
_ASYNCHRONOUS = "sqlalchemy.ext.asyncio"
_OF_CONTROL = (GeneratorExit, StopIteration, StopAsyncIteration, queue.Empty, asyncio.QueueEmpty)


def error_on_its_way() -> int:
    """By what number the error that is being handled here is known; 0 where there is none.

    A generator that is left, or one thing after another that has come to its end, is no error.
    """
    error = sys.exc_info()[1]
    while isinstance(error, _OF_CONTROL):
        error = error.__context__
    return _CLOSED_FOR.get() if error is None else id(error)


class Closings:
    """Has an AsyncSession or AsyncConnection tell, when it is closed, for which error.

    They close in a greenlet, and at the end of ``async with`` in a task of its own, which know of no error.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[Any, Any, Any]] = []
        self._asking = threading.Lock()  # two actors may open their first connections at once

    def hear(self) -> None:
        """Begin, once their module is imported; may be called again."""
        module = sys.modules.get(_ASYNCHRONOUS)
        with self._asking:
            if module is None or self._kept:
                return
            for kind in (module.AsyncSession, module.AsyncConnection):
                self._kept.append((kind, kind.__init__, kind.close))
                kind.__init__, kind.close = _noting(kind.__init__), _telling(kind.close)

    def stop(self) -> None:
        """Put back what was there."""
        while self._kept:
            kind, initialise, close = self._kept.pop()
            kind.__init__, kind.close = initialise, close


def _noting(original: Callable[..., None]) -> Callable[..., None]:
    """An error that was being handled when it was made does not end it."""

    @functools.wraps(original)
    def __init__(self: Any, *arguments: Any, **keywords: Any) -> None:  # noqa: N807
        original(self, *arguments, **keywords)
        _made_amid[self] = error_on_its_way()

    return __init__


def _telling(original: Callable[..., Any]) -> Callable[..., Any]:
    """Not a coroutine function: what is being handled is asked when it is called."""

    @functools.wraps(original)
    def close(self: Any) -> Any:
        error = error_on_its_way()
        return _closed(functools.partial(original, self), 0 if error == _made_amid.get(self) else error)

    return close


async def _closed(close: Callable[[], Any], error: int) -> None:
    """Its task may be cancelled before it has begun; then there is nothing that nobody awaits."""
    token = _CLOSED_FOR.set(error)
    try:
        await close()
    finally:
        _CLOSED_FOR.reset(token)
