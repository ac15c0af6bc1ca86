"""Functions outside the database (`Scenario(effects=[…])`): found where they are named, counted, and made to fail."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from types import MethodType, ModuleType
from typing import Any

from acidity.adapters.seam import Actor, PendingCall, current_actor, request
from acidity.adapters.site import find_place, is_user_code
from acidity.core.call import Kind
from acidity.core.effect import Effect
from acidity.errors import UsageError
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
        UsageError: a function cannot be found where code would call it.
    """
    with ExitStack() as stack:
        for given in effects:
            effect = given if isinstance(given, Effect) else Effect(_named(given))
            function = resolved(effect.function)
            name = getattr(function, "__qualname__", repr(function))
            replacement = _through_the_seam(function, name, effect, on_effect, on_stray)
            places = list(_places(function))
            if not places:
                raise UsageError(
                    f"the effect {name} is not found as an attribute of a module, class or object; put the call into a "
                    "function of a module, and name that one"
                )
            for owner, attribute in places:
                restore = _restorer(owner, attribute)
                static = isinstance(owner, type) and isinstance(vars(owner)[attribute], staticmethod)
                try:
                    setattr(owner, attribute, staticmethod(replacement) if static else replacement)
                except (AttributeError, TypeError):  # frozen, or with slots
                    raise UsageError(
                        f"the effect {name} cannot be observed, since its {type(owner).__name__} lets nothing be set; "
                        "put the call into a function of a module, and name that one"
                    ) from None
                stack.callback(restore)
        yield


def _restorer(owner: Any, attribute: str) -> Callable[[], None]:
    """Put back what was there; a method that came from the class is uncovered again."""
    missing = object()
    old = vars(owner).get(attribute, missing) if hasattr(owner, "__dict__") else getattr(owner, attribute)
    if old is missing:
        return lambda: delattr(owner, attribute)
    return lambda: setattr(owner, attribute, old)


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


def _places(function: Callable[..., Any]) -> Iterator[tuple[Any, str]]:
    """Where code finds this function: on its object, in its class, or under any name in any module of the user."""
    if isinstance(function, MethodType):
        yield function.__self__, function.__name__
        return
    kind: Any = sys.modules.get(getattr(function, "__module__", ""))
    *classes, name = getattr(function, "__qualname__", "").split(".")
    for each in classes:
        kind = getattr(kind, each, None)
    if isinstance(kind, type) and getattr(vars(kind).get(name), "__func__", vars(kind).get(name)) is function:
        yield kind, name
        return
    for module in list(sys.modules.values()):
        if not isinstance(module, ModuleType) or not is_user_code(getattr(module, "__file__", None) or "<built-in>"):
            continue
        for attribute, value in list(vars(module).items()):
            if value is function:
                yield module, attribute


def _key_of(effect: Effect, function: Callable[..., Any], arguments: Any, keywords: Any) -> str | None:
    """The idempotency key of a call as text; None without one.

    The key function gets the arguments by position, also those that the call names, where that is possible.

    Raises:
        WrongContractError: the key function cannot be called like the effect.
    """
    if effect.key is None:
        return None
    with suppress(TypeError, ValueError):  # of a function without a signature, or of a call that fails by itself
        bound = inspect.signature(function).bind(*arguments, **keywords)
        arguments, keywords = bound.args, bound.kwargs
    try:
        key = effect.key(*arguments, **keywords)
    except Exception as error:
        name = getattr(function, "__qualname__", repr(function))
        raise WrongContractError(
            f"Effect({name}, key=…): the key function raised {type(error).__name__}: {error}; it is called with what "
            f"{name} is called with, as in key=lambda order_id, *_: order_id"
        ) from error
    return None if key is None else repr(key)


def _through_the_seam(
    function: Callable[..., Any],
    name: str,
    effect: Effect,
    on_effect: Callable[[str, str | None], None],
    on_stray: Callable[[str], None],
) -> Callable[..., Any]:
    def bring(actor: Actor, key: str | None, call: Callable[[], Any]) -> Any:
        def send(pending: PendingCall) -> Any:
            pending.refuse_rewriting()
            token = WITHIN.set(True)
            try:
                answer = call()
            finally:
                WITHIN.reset(token)
            if effect.counted:
                actor.took_place(name, key)
                on_effect(name, key)
            return answer

        return request(actor, Kind.EFFECT, name, None, wire=None, place=find_place(), send=send)

    @functools.wraps(function)
    def observe(*arguments: Any, **keywords: Any) -> Any:
        actor = current_actor()
        if actor is None:
            on_stray(f"the effect {name} by a thread or task that belongs to no operation")
            return function(*arguments, **keywords)
        key = _key_of(effect, function, arguments, keywords)
        return bring(actor, key, lambda: function(*arguments, **keywords))

    @functools.wraps(function)
    async def observe_async(*arguments: Any, **keywords: Any) -> Any:
        from sqlalchemy.util import await_only, greenlet_spawn

        actor = current_actor()
        if actor is None:
            on_stray(f"the effect {name} by a thread or task that belongs to no operation")
            return await function(*arguments, **keywords)
        key = _key_of(effect, function, arguments, keywords)
        return await greenlet_spawn(bring, actor, key, lambda: await_only(function(*arguments, **keywords)))

    return observe_async if inspect.iscoroutinefunction(function) else observe
