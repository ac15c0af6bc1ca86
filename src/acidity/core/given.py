"""What users give to a Scenario or an Operation, taken as it is meant or refused: lists, names, errors, functions."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, TypeVar

from acidity.errors import UsageError

T = TypeVar("T")


def listed(name: str, given: Any) -> tuple[Any, ...]:
    """Those that were given; a text, a function or anything else that is no list is the only one.

    Args:
        name: of the parameter.
        given: one, or several.

    Raises:
        UsageError: it was given as None.

    >>> listed("invariants", len), listed("ignore", ["orders.at", "orders.by"])
    ((<built-in function len>,), ('orders.at', 'orders.by'))
    """
    if given is None:
        raise UsageError(f"{name}= takes a list, not None; leave it out where there is nothing to name")
    return (
        tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) and not callable(given) else (given,)
    )


def names_in(name: str, given: Any, such_as: str) -> tuple[str, ...]:
    """The same, where each is to be a text.

    Args:
        name: of the parameter.
        given: one, or several.
        such_as: an example.

    Raises:
        UsageError: something else was given.
    """
    found = listed(name, given)
    for each in found:
        if not isinstance(each, str):
            raise UsageError(f'{name}= takes names, as in {name}="{such_as}", not {each!r}')
    return found


def errors_in(name: str, given: Any) -> tuple[type[BaseException], ...]:
    """The same, where each is to be a class of exceptions.

    Raises:
        UsageError: something else was given.
    """
    found = listed(name, given)
    for each in found:
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            raise UsageError(f"{name}= takes classes of exceptions, as in {name}=ValueError, not {each!r}")
    return found


def plain(name: str, function: T) -> T:
    """A function that is called and not awaited, whatever the operations are; or what is none.

    Raises:
        UsageError: it is a coroutine function, whose answer would be a coroutine that nobody awaits.
    """
    call = inspect.unwrap(function) if callable(function) else function
    if inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call):
        raise UsageError(
            f"{name}= is called by plain code, beside async operations, too: write it with def, not async def"
        )
    return function
