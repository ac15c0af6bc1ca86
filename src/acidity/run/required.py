"""What code inside a unit of work asks of it: that there is one, and what to do once it is committed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from acidity.run import context

F = TypeVar("F", bound=Callable[..., Any])


@overload
def transaction_required() -> None: ...


@overload
def transaction_required(function: F) -> F: ...


def transaction_required(function: Any = None) -> Any:
    """Refuse to go on outside of a unit of work: as a call, or as a decorator.

    Args:
        function: to decorate.

    Returns:
        The decorated function; nothing for a plain call.

    Raises:
        NoTransaction: there is none.

    Example:
        >>> @transaction_required
        ... def book(session): ...
        >>> book(None)
        Traceback (most recent call last):
            ...
        acidity.run.errors.NoTransaction: no unit of work here: call this inside `with atomic(…)` or an @atomic function
    """
    if function is None:
        context.required()
        return None

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        context.required()
        return function(*args, **kwargs)

    @functools.wraps(function)
    async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
        context.required()
        return await function(*args, **kwargs)

    return async_wrapper if inspect.iscoroutinefunction(function) else wrapper


def on_commit(function: Callable[[], Any]) -> None:
    """Call this once the COMMIT of the outermost unit is confirmed; never if it is rolled back or unknown.

    Not at the release of a savepoint; one that is rolled back takes it back. In an async unit it may be a coroutine
    function. An error that it raises reaches the caller with the note that the change is committed. What is given by
    such a function itself is called after those that wait.

    Args:
        function: without arguments.

    Raises:
        NoTransaction: there is no unit of work here.

    Example:
        >>> on_commit(lambda: send_receipt(order.id))       # doctest: +SKIP
    """
    calling = context.afterwards.get()
    if calling is not None and calling[0] is context.inside.get():
        calling[1].append(function)
        return
    unit = context.required()
    unit.after = (*unit.after, function)
