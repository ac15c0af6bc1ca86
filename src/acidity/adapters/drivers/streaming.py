"""Cursors whose rows stay with the server until the program fetches them: what it has fetched so far is kept."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from acidity.adapters.drivers.base import Hooks
from acidity.core.row import Fetched

_ONE, _SEVERAL = ("fetchone", "__next__", "__anext__"), ("fetchmany", "fetchall")
_FETCHED: WeakKeyDictionary[Any, Fetched] = WeakKeyDictionary()


def streamed(cursor: Any) -> Fetched:
    """The rows of the statement that a cursor has just executed: none yet; they come as they are fetched."""
    _FETCHED[cursor] = rows = Fetched()
    return rows


def keep_what_is_fetched(hooks: Hooks, *classes: Any) -> None:
    """Wrap the methods of cursors that fetch."""
    for kind in classes:
        for name in (*_ONE, *_SEVERAL):
            if name in vars(kind):
                hooks.put(kind, name, keeping(vars(kind)[name], name))


def keeping(fetch: Any, name: str) -> Callable[..., Any]:
    """A method that fetches as another one does, and keeps what came where `streamed` said so.

    Args:
        fetch: the other one.
        name: what it is called.
    """

    @functools.wraps(fetch)
    def fetches(self: Any, *arguments: Any, **keywords: Any) -> Any:
        with _noting(self) as rows:
            found = fetch(self, *arguments, **keywords)
        _keep(rows, found, name)
        return found

    @functools.wraps(fetch)
    async def fetches_async(self: Any, *arguments: Any, **keywords: Any) -> Any:
        with _noting(self) as rows:
            found = await fetch(self, *arguments, **keywords)
        _keep(rows, found, name)
        return found

    return fetches_async if inspect.iscoroutinefunction(fetch) else fetches


@contextmanager
def _noting(cursor: Any) -> Iterator[Fetched | None]:
    """Where its rows go; methods that it calls itself keep nothing beside."""
    rows = _FETCHED.pop(cursor, None)
    if rows is not None:
        rows.asked = True
    try:
        yield rows
    finally:
        if rows is not None:
            _FETCHED[cursor] = rows


def _keep(rows: Fetched | None, found: Any, name: str) -> None:
    if rows is None or found is None:
        return
    if name in _ONE:
        rows.append(found)
    else:
        rows.extend(found)
