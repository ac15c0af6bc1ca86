"""Functions outside the database (`Scenario(effects=[…])`): counted, and made to fail, whoever calls them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

from acidity.adapters.seam import Actor, PendingCall, current_actor, request
from acidity.adapters.site import find_place
from acidity.core.call import Kind
from acidity.core.effect import Effect
from acidity.errors import UsageError
from acidity.prove.stage.freeze import freeze
from acidity.prove.stage.intercepted import intercepted
from acidity.prove.stage.named import named

WITHIN: ContextVar[bool] = ContextVar("acidity_within_effect", default=False)
"""Whether this code is run by an effect."""


class WrongContractError(UsageError):
    """A function of the scenario (``key=``, ``succeeded=``) has raised; no exception of the operation's own."""


@contextmanager
def observed(
    effects: Iterable[Any],
    on_effect: Callable[[str, str | None], None],
    on_stray: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Bring every call of these functions to the seam while the context lasts.

    Args:
        effects: Effects, functions, bound methods, or ``"module:function"``.
        on_effect: called with the effect's name and key each time it took place and counts.
        on_stray: called where a thread or task calls it that belongs to nobody, with words that say so.

    Raises:
        UsageError: one is not to be found, no function written in Python, a generator, or named twice.
    """
    with ExitStack() as stack:
        seen: set[tuple[int, int]] = set()
        for given in effects:
            effect = given if isinstance(given, Effect) else Effect(_named(given))
            called = resolved(effect.function)
            name = _name_of(called)
            owner, function = taken_apart(called)
            if (id(owner), id(function)) in seen:
                raise UsageError(f"effects= names {name} twice; name it once")
            seen.add((id(owner), id(function)))
            stack.enter_context(intercepted(function, _through_the_seam(owner, name, effect, on_effect, on_stray)))
        yield


def taken_apart(called: Callable[..., Any]) -> tuple[Any, FunctionType]:
    """The object whose method an effect is, None for a function; and the function that runs.

    Raises:
        UsageError: no code of Python's runs, or only later.
    """
    name = _name_of(called)
    if not isinstance(called, FunctionType | MethodType) and isinstance(type(called).__call__, FunctionType):
        called = MethodType(type(called).__call__, called)
    owner, function = (called.__self__, called.__func__) if isinstance(called, MethodType) else (None, called)
    if not isinstance(function, FunctionType):
        raise UsageError(
            f"the effect {name} cannot be observed, since it is no function written in Python; put the call into one, "
            "and name that"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UsageError(
            f"the effect {name} is a generator, of which nobody knows when it takes place; put what does into a "
            "function, and name that one"
        )
    return owner, function


def _name_of(called: Callable[..., Any]) -> str:
    return getattr(called, "__qualname__", type(called).__qualname__)


def _named(given: Any) -> Callable[..., Any] | str:
    if isinstance(given, str) or callable(given):
        named: Callable[..., Any] | str = given
        return named
    raise UsageError(f"effects= takes functions, 'module:function' or an Effect, not {given!r}")


def resolved(effect: Any) -> Callable[..., Any]:
    """The function that a scenario names as an effect.

    Raises:
        UsageError: there is no such function.
    """
    if not isinstance(effect, str):
        if not callable(effect):
            raise UsageError(f"effects= takes functions or 'module:function', not {effect!r}")
        function: Callable[..., Any] = effect
        return function
    return resolved(named(effect, f"the effect {effect!r}"))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call of an effect: whose it is, its idempotency key, and what it is called with, by name."""

    actor: Actor
    key: str | None
    told: Any


def _asked(actor: Actor, effect: Effect, function: Callable[..., Any], arguments: Any, keywords: Any) -> _Asked:
    """The call of an effect.

    The key function gets the arguments by position, also those that the call names, where that is possible.

    Raises:
        WrongContractError: the key function cannot be called like the effect.
    """
    named = {"arguments": arguments, "keywords": keywords}
    with suppress(TypeError, ValueError):  # of a function without a signature, or of a call that fails by itself
        bound = inspect.signature(function).bind(*arguments, **keywords)
        arguments, keywords = bound.args, bound.kwargs
        bound.apply_defaults()
        named = bound.arguments
    return _Asked(actor, _key_of(effect, function, arguments, keywords), _frozen(named) if effect.counted else None)


def _key_of(effect: Effect, function: Callable[..., Any], arguments: Any, keywords: Any) -> str | None:
    if effect.key is None:
        return None
    try:
        key = effect.key(*arguments, **keywords)
    except Exception as error:
        name = getattr(function, "__qualname__", repr(function))
        raise WrongContractError(
            f"Effect({name}, key=…): the key function raised {type(error).__name__}: {error}; it is called with what "
            f"{name} is called with, as in key=lambda order_id, *_: order_id"
        ) from error
    return None if key is None else repr(key)


def _frozen(named: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a call was told, as it was then; an object that cannot be shown is told by its class."""
    told: dict[str, Any] = {}
    for name, value in named.items():
        try:
            told[name] = freeze(value)
        except Exception:
            told[name] = type(value).__qualname__
    return told


def _through_the_seam(
    owner: Any,
    name: str,
    effect: Effect,
    on_effect: Callable[[str, str | None], None],
    on_stray: Callable[[str], None],
) -> Callable[[FunctionType], Callable[..., Any]]:
    def bring(asked: _Asked, call: Callable[[], Any]) -> Any:
        def send(pending: PendingCall) -> Any:
            pending.refuse_rewriting()
            token = WITHIN.set(True)
            try:
                answer = call()
            finally:
                WITHIN.reset(token)
            if effect.counted:
                asked.actor.took_place(name, asked.key, asked.told)
                on_effect(name, asked.key)
            return answer

        return request(asked.actor, Kind.EFFECT, name, None, wire=None, place=find_place(), send=send)

    def asked_by(original: FunctionType, arguments: tuple[Any, ...], keywords: Any) -> _Asked | None:
        """The call, unless it is another object's, or nobody's."""
        if owner is not None and not _is_called_on(owner, arguments):
            return None
        actor = current_actor()
        if actor is None:
            on_stray(f"the effect {name} by a thread or task that belongs to no operation")
            return None
        if owner is None:
            return _asked(actor, effect, original, arguments, keywords)
        return _asked(actor, effect, MethodType(original, owner), arguments[1:], keywords)

    def observing(original: FunctionType) -> Callable[..., Any]:
        def observe(*arguments: Any, **keywords: Any) -> Any:
            asked = asked_by(original, arguments, keywords)
            if asked is None:
                return original(*arguments, **keywords)
            return bring(asked, lambda: original(*arguments, **keywords))

        async def observe_async(*arguments: Any, **keywords: Any) -> Any:
            from sqlalchemy.util import await_only, greenlet_spawn

            asked = asked_by(original, arguments, keywords)
            if asked is None:
                return await original(*arguments, **keywords)
            return await greenlet_spawn(bring, asked, lambda: await_only(original(*arguments, **keywords)))

        return observe_async if inspect.iscoroutinefunction(original) else observe

    return observing


def _is_called_on(owner: Any, arguments: tuple[Any, ...]) -> bool:
    """Whether a method is called on this object; one of a class, on it or on one that comes from it."""
    on = arguments[0] if arguments else None
    return on is owner or (isinstance(on, type) and isinstance(owner, type) and issubclass(on, owner))
