"""Functions outside the database (`Scenario(effects=[…])`): counted, and made to fail, whoever calls them."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, _AsyncGeneratorContextManager, _GeneratorContextManager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType, MethodType
from typing import Any

from acidity.adapters.base import of_nobody
from acidity.adapters.seam import Actor, PendingCall, current_actor, request
from acidity.adapters.site import find_place
from acidity.core.call import Kind
from acidity.core.effect import Effect
from acidity.core.exits import exits_as_errors
from acidity.core.variable import context_variable
from acidity.errors import UsageError
from acidity.prove.stage.freeze import freeze
from acidity.prove.stage.intercepted import intercepted
from acidity.prove.stage.named import named

WITHIN: ContextVar[bool] = context_variable("acidity_within_effect", False)
"""Whether this code is run by an effect."""
_WHOSE = frozenset({"self", "cls"})
_LATER: tuple[type, ...] = (CoroutineType, GeneratorType, AsyncGeneratorType)
_LATER += (_GeneratorContextManager, _AsyncGeneratorContextManager)


class WrongContractError(UsageError):
    """A function of the scenario (``key=``, ``succeeded=``) has raised; no exception of the operation's own."""


@dataclass(slots=True)
class Heard:
    """What is heard of effects while they are observed.

    Attributes:
        took_place: called with the name and key of one each time it took place and counts.
        strays: calls by a thread or task that belongs to nobody, in words.
        hidden: what one was told or has read that is not compared, in words.
    """

    took_place: Callable[[str, str | None], None] = lambda _name, _key: None
    strays: list[str] = field(default_factory=list)
    hidden: dict[str, None] = field(default_factory=dict)


@contextmanager
def observed(effects: Iterable[Any], heard: Heard) -> Iterator[None]:
    """Bring every call of these functions to the seam while the context lasts.

    Args:
        effects: Effects, functions, bound methods, or ``"module:function"``.
        heard: is told of them.

    Raises:
        UsageError: one is not to be found, no function written in Python, a generator, or named twice.
    """
    with ExitStack() as stack:
        for name, (effect, owner, function) in _by_name(effects).items():
            stack.enter_context(intercepted(function, _through_the_seam(owner, name, effect, heard)))
        yield


def names_of(effects: Iterable[Any]) -> tuple[str, ...]:
    """What effects are called: as they call themselves, and apart where two of them call themselves the same.

    Raises:
        UsageError: as `observed` does.
    """
    return tuple(_by_name(effects))


def _by_name(effects: Iterable[Any]) -> dict[str, tuple[Effect, Any, FunctionType]]:
    found: list[tuple[Effect, Any, FunctionType, str]] = []
    for given in effects:
        effect = given if isinstance(given, Effect) else Effect(_named(given))
        called = resolved(effect.function)
        owner, function = taken_apart(called)
        if any(owner is other and function is its for _, other, its, _ in found):
            raise UsageError(f"effects= names {_name_of(called)} twice; name it once")
        found.append((effect, owner, function, _name_of(called)))
    often = Counter(name for *_, name in found)
    modules = Counter((name, function.__module__) for _, _, function, name in found)
    named: dict[str, tuple[Effect, Any, FunctionType]] = {}
    for effect, owner, function, called_so in found:
        name = called_so
        if often[called_so] > 1:
            name = f"{function.__module__.rpartition('.')[2]}.{called_so}"
        if modules[called_so, function.__module__] > 1 or name in named:
            name += f" #{1 + sum(each.startswith(f'{name} #') for each in named)}"
        named[name] = effect, owner, function
    return named


def taken_apart(called: Callable[..., Any]) -> tuple[Any, FunctionType]:
    """The object whose method an effect is, None for a function; and the function that runs.

    Raises:
        UsageError: no code of Python's runs, or only later.
    """
    name = _name_of(called)
    if type(called) not in {FunctionType, MethodType} and type(type(called).__call__) is FunctionType:
        called = MethodType(type(called).__call__, called)  # by its type, as a Mock says that it is of any class
    owner, function = (called.__self__, called.__func__) if type(called) is MethodType else (None, called)
    if type(function) is not FunctionType:
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
    name = getattr(called, "__qualname__", None)
    return name if isinstance(name, str) else type(called).__qualname__  # a Mock has any attribute


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
    """A call of an effect.

    Attributes:
        actor: whose it is.
        key: its idempotency key.
        told: what it is called with, by name.
        hidden: the names of what does not show what is in it, with their classes.
    """

    actor: Actor
    key: str | None
    told: Mapping[str, Any] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)


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
    key = _key_of(effect, function, arguments, keywords)
    return _Asked(actor, key, *_frozen(named)) if effect.counted else _Asked(actor, key)


def _key_of(effect: Effect, function: Callable[..., Any], arguments: Any, keywords: Any) -> str | None:
    if effect.key is None:
        return None
    try:
        with exits_as_errors():
            key = effect.key(*arguments, **keywords)
    except Exception as error:
        name = getattr(function, "__qualname__", repr(function))
        raise WrongContractError(
            f"Effect({name}, key=…): the key function raised {type(error).__name__}: {error}; it is called with what "
            f"{name} is called with, as in key=lambda order_id, *_: order_id"
        ) from error
    return None if key is None else repr(key)


def _frozen(named: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """What a call was told, as it was then, but for whose method it is; and what of it is told by its class alone."""
    frozen: dict[str, Any] = {}
    hidden: dict[str, str] = {}
    for name, value in named.items():
        if name in _WHOSE:
            continue
        kinds: list[str] = []
        try:
            frozen[name] = freeze(value, kinds)
        except Exception:
            frozen[name] = type(value).__qualname__
            kinds.append(type(value).__qualname__)
        if kinds:
            hidden[name] = kinds[0]
    return frozen, hidden


def _through_the_seam(
    owner: Any, name: str, effect: Effect, heard: Heard
) -> Callable[[FunctionType], Callable[..., Any]]:
    def bring(asked: _Asked, call: Callable[[], Any]) -> Any:
        def send(pending: PendingCall) -> Any:
            pending.refuse_rewriting()
            made = len(asked.actor.events)
            token = WITHIN.set(True)
            try:
                answer = call()
            finally:
                WITHIN.reset(token)
            _require_done(answer, name)
            if effect.counted:
                asked.actor.took_place(name, asked.key, asked.told)
                heard.took_place(name, asked.key)
                heard.hidden |= {
                    f"what {name} is told as {each} ({kind} does not show what is in it)": None
                    for each, kind in asked.hidden.items()
                }
                if any(event.reply.rows for event in asked.actor.events[made:]):
                    heard.hidden[f"what {name} reads from the database itself"] = None
            return answer

        return request(asked.actor, Kind.EFFECT, name, None, wire=None, place=find_place(), send=send)

    def asked_by(original: FunctionType, arguments: tuple[Any, ...], keywords: Any) -> _Asked | None:
        """The call, unless it is another object's, or nobody's."""
        if owner is not None and not _is_called_on(owner, arguments):
            return None
        actor = current_actor()
        if actor is None:
            heard.strays.append(of_nobody(f"the effect {name}"))
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


def _require_done(answer: Any, name: str) -> None:
    """A call that has only made a coroutine, a generator or a context manager of one has not taken place.

    Raises:
        WrongContractError: this is one.
    """
    if isinstance(answer, CoroutineType):
        answer.close()  # nobody will await it
    if isinstance(answer, _LATER):
        raise WrongContractError(
            f"the effect {name} returned a {type(answer).__name__}, which takes place later; name the function that "
            "runs then, or put what takes place into a function and name that one"
        )


def _is_called_on(owner: Any, arguments: tuple[Any, ...]) -> bool:
    """Whether a method is called on this object; one of a class, on it or on one that comes from it."""
    on = arguments[0] if arguments else None
    return on is owner or (isinstance(on, type) and isinstance(owner, type) and issubclass(on, owner))
