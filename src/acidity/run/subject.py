"""What `atomic` decorates: a function, a method, a partial or a callable object, and where its session goes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from acidity.errors import UsageError

_OWNERS = ("self", "cls")  # the session comes after them


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that can be called with a session.

    Attributes:
        body: the same with the session before everything else, as a course calls it.
        signature: as it was written.
        place: of the parameter that receives the session.
        name: with its module.
        bound: arguments that a partial has given by place, which the signature does not show.
    """

    body: Callable[..., Any]
    signature: inspect.Signature
    place: int
    name: str
    bound: tuple[Any, ...] = ()

    @property
    def parameter(self) -> str:
        """The name of the parameter that receives the session."""
        return list(self.signature.parameters)[self.place]

    @property
    def shown(self) -> inspect.Signature:
        """What callers see."""
        kept = [each for name, each in self.signature.parameters.items() if name != self.parameter]
        return self.signature.replace(parameters=kept)

    def arguments(self, args: Any, kwargs: Any) -> dict[str, Any]:
        """The arguments of a call by name, defaults included; without the session, and whose method it is."""
        bound = self.signature.bind(*args[: self.place], None, *args[self.place :], **kwargs)
        bound.apply_defaults()
        named = dict(list(bound.arguments.items())[self.place + 1 :])
        return named | {"*": self.bound} if self.bound else named


def subject_of(function: Any, *, asynchronous: bool, owned: bool = False) -> Subject:
    """See that this can be decorated.

    Args:
        function: what is to be a unit of work.
        asynchronous: the engine is.
        owned: it is a class method, whatever its first parameter is called.

    Raises:
        UsageError: it cannot; the message says why.
    """
    if isinstance(function, type) or not callable(function):
        raise UsageError(f"atomic() decorates functions, methods and what can be called, not {function!r:.80}")
    plain, bound = _inside(function)
    name = getattr(plain, "__name__", type(function).__name__)
    if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        raise UsageError(
            f"{name}() is a generator and would run outside of its unit; fetch in a function, and iterate over what it "
            f"returns"
        )
    if inspect.iscoroutinefunction(plain) is not asynchronous:
        wrong = "a plain function on an async" if asynchronous else "a coroutine function on a plain"
        raise UsageError(f"{name}() is {wrong} engine")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}() does not say which parameters it takes: {error}") from error
    names = list(signature.parameters)
    place = int(owned or (names[:1] != [] and names[0] in _OWNERS))
    if len(names) <= place:
        raise UsageError(f"{name}() takes no parameters; its first one receives the session, after self or cls")
    qualified = f"{plain.__module__}.{getattr(plain, '__qualname__', name)}"
    return Subject(_after(function) if place else function, signature, place, qualified, bound)


def _inside(function: Any) -> tuple[Any, tuple[Any, ...]]:
    """The function behind partials and callable objects, and what partials have given it by place."""
    bound: tuple[Any, ...] = ()
    while isinstance(function, functools.partial):
        function, bound = function.func, (*function.args, *bound)
    if not inspect.isroutine(function):
        function = type(function).__call__
    return function, bound


def _after(function: Callable[..., Any]) -> Callable[..., Any]:
    """The session after the object or class that the method is of."""

    def with_owner(session: Any, owner: Any, *args: Any, **kwargs: Any) -> Any:
        return function(owner, session, *args, **kwargs)

    return with_owner
