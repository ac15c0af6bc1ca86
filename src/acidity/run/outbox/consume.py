"""The idempotent consumer: at-least-once delivery, and yet each message is handled once."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

from acidity.errors import UsageError
from acidity.run import context
from acidity.run.boundary import Terms
from acidity.run.course import Course, Move, Moves, got
from acidity.run.decide import Ended, Policy
from acidity.run.drivers import run, run_async, to_end, to_end_async
from acidity.run.errors import BoundaryError
from acidity.run.fingerprint import fingerprint_of
from acidity.run.marker import KeyTaken, Marker
from acidity.run.outbox.message import Message
from acidity.run.savepoint import savepoint
from acidity.run.state import State
from acidity.run.target import target_of

Handler = Callable[[Any, Message], Any]


def consume(what: Any, message: Message, handler: Handler, *, name: str | None = None, max_attempts: int = 1) -> Any:
    """Handle a message once, however often it is delivered.

    The handler's changes and the marker of the message are committed together; a repeat does nothing and gets the
    stored result. Called by a `Relay` on the same database, it works inside the relay's transaction, in a savepoint, so
    that the message is marked as published by the same COMMIT. Effects outside of the database are not covered.

    Args:
        what: the consumer's `Engine` or sessionmaker, or their async twins; needs the table of `acidity.run.tables`.
        message: as it was delivered.
        handler: ``handler(session, message)``; its result must be plain JSON, or None.
        name: what tells consumers of one message apart; by default that of the handler. Renaming it makes every message
            new.
        max_attempts: as of `atomic`; not inside the relay's transaction, which has begun.

    Returns:
        What the handler returned, now or the first time; in async code, await it.

    Raises:
        KeyReused: another payload came under the same id.
        UsageError: the handler has no name of its own, or is async on a plain engine or the reverse.
        BoundaryError: a plain and an async engine on one database, one inside the unit of the other.

    Example:
        >>> consume(engine, Message.from_json(text), book)              # doctest: +SKIP

    Source: G. Hohpe, B. Woolf, *Enterprise Integration Patterns*, "Idempotent Receiver".
    """
    target = target_of(what)
    if inspect.iscoroutinefunction(handler) is not target.asynchronous:
        raise UsageError("an async handler needs an async engine, and a plain one a plain engine")
    key = f"consume:{json.dumps([_name_of(handler, name), message.id])}"
    marker = partial(Marker, key, fingerprint_of("consume", [message.topic, message.payload]), idempotent=True)
    unit = context.current(target.key)
    if unit is not None:
        if unit.target.asynchronous is not target.asynchronous:
            raise BoundaryError("a plain and an async unit cannot be one; consume with the engine that the unit has")
        course: Course = Inside(target, Terms(), handler=handler, message=message, guard=marker())
        return to_end_async(course) if target.asynchronous else to_end(course)
    course = Course(target, Terms(), policy=Policy(max_attempts), marker=marker)
    return (run_async if target.asynchronous else run)(course, lambda session: handler(session, message))


def consumer(what: Any, *, name: str | None = None, max_attempts: int = 1) -> Callable[[Handler], Callable[..., Any]]:
    """`consume` as a decorator: the function is then called with the message alone, as by a `Relay`.

    Example:
        >>> @consumer(engine)                                           # doctest: +SKIP
        ... def book(session, message):
        ...     session.add(Booking(order=message.payload["order"]))
        >>> Relay(engine, book).run_once()                              # doctest: +SKIP
    """

    def decorate(handler: Handler) -> Callable[..., Any]:
        _name_of(handler, name)

        @functools.wraps(handler)
        def wrapper(message: Message) -> Any:
            return consume(what, message, handler, name=name, max_attempts=max_attempts)

        made: Any = wrapper
        del made.__wrapped__  # its parameters are not those of the handler
        return wrapper

    return decorate


def _name_of(handler: Handler, name: str | None) -> str:
    found = name or getattr(handler, "__qualname__", "")
    if not found or (name is None and "<lambda>" in found):
        raise UsageError("this handler has no name of its own; say name=…, which must stay the same")
    return found if name else f"{handler.__module__}.{found}"


@dataclass
class Inside(Course):
    """Handle a message inside a unit that has begun: a savepoint, the marker, the handler.

    Attributes:
        handler: of the message.
        message: the message.
        guard: its marker.
    """

    handler: Handler = None  # type: ignore[assignment]  # these are always given; the fields before have defaults
    message: Message = None  # type: ignore[assignment]
    guard: Marker = None  # type: ignore[assignment]

    def steps(self) -> Moves:
        """To the release of the savepoint, or back to it."""
        try:
            result = yield from self._handle()
        except GeneratorExit:
            raise
        except BaseException as error:
            return Ended(State.ABORTED, error=error)
        return Ended(State.COMMITTED, result)

    def _handle(self) -> Generator[Move, Any, Any]:
        unit, point = context.required(), savepoint()
        guard, session = self.guard, unit.plain
        got((yield point._open))
        try:
            got((yield lambda: guard.insert(session.connection())))  # which sends the SAVEPOINT
            result = got((yield partial(self.handler, unit.session, self.message)))
            got((yield session.flush))
            got((yield lambda: guard.store(session.connection(), result)))
        except GeneratorExit:
            raise
        except BaseException as error:
            got((yield partial(point._close, failed=True)))
            if not isinstance(error, KeyTaken):
                raise
        else:
            got((yield partial(point._close, failed=False)))
            return result
        stored = got((yield lambda: guard.seen(session.connection())))
        if stored is None:  # committed after this unit's snapshot was taken
            stored = got((yield partial(guard.find, self.target.engine)))
        guard.same_request(stored)
        return stored.result
