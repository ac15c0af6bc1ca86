"""Every call of a function led to another one, by whatever reference it is made.

A name in a module is one reference of many: handlers in a dictionary, default arguments, a `functools.partial`, bound
methods that an object has kept all lead to the same function object. So it is its code that is exchanged while a run
lasts, for code that hands on what it is called with.

Source: the Python reference, data model, user-defined functions: `__code__` and `__kwdefaults__` can be set. The new
code needs as many free variables as the old one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

_WRAPPED = "__wrapped__"  # what `inspect` goes by where it asks for a signature


def _hand_on(*_arguments: Any, _acidity_calls: Callable[..., Any], **_keywords: Any) -> Any:
    return _acidity_calls(*_arguments, **_keywords)


async def _hand_on_async(*_arguments: Any, _acidity_calls: Callable[..., Any], **_keywords: Any) -> Any:
    return await _acidity_calls(*_arguments, **_keywords)


@contextmanager
def intercepted(function: FunctionType, by: Callable[[FunctionType], Callable[..., Any]]) -> Iterator[None]:
    """While this lasts, whoever calls the function calls another one.

    Args:
        function: no generator function.
        by: called with a function that does what this one did; returns the one that is called instead, a coroutine
            function if this is one.

    Example:
        >>> def doubled(x): return 2 * x
        >>> with intercepted(doubled, lambda double: lambda x: double(x) + 1):
        ...     doubled(3)
        7
        >>> doubled(3)
        6
    """
    before = function.__code__, function.__kwdefaults__, vars(function).copy()
    code, keyword_defaults, attributes = before
    original = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    original.__kwdefaults__, original.__qualname__ = keyword_defaults, function.__qualname__
    original.__module__, original.__doc__ = function.__module__, function.__doc__
    vars(original).update(attributes)
    template = _hand_on_async if inspect.iscoroutinefunction(function) else _hand_on
    function.__code__ = template.__code__.replace(co_name=code.co_name, co_freevars=code.co_freevars)
    function.__kwdefaults__ = {"_acidity_calls": by(original)}
    vars(function)[_WRAPPED] = original
    try:
        yield
    finally:
        function.__code__, function.__kwdefaults__ = code, keyword_defaults
        vars(function).pop(_WRAPPED)
        vars(function).update({_WRAPPED: attributes[_WRAPPED]} if _WRAPPED in attributes else {})
