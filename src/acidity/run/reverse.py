"""`reverse`: the compensating transaction of a committed unit, itself atomic and carried out once.

The reversal is a unit with a marker of its own, written first; then it looks for the marker of the original. If there
is none, it writes that one too, as a fence: an original that is still under way, or comes late, finds its key used up
and is refused. So the answer "nothing to reverse" stays true.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.engine import Connection

from acidity.errors import UsageError
from acidity.run import context
from acidity.run.atomic import Decorated
from acidity.run.course import Course
from acidity.run.errors import BoundaryError, NothingToReverse
from acidity.run.fingerprint import digest
from acidity.run.marker import REVERSED, KeyTaken, Marker, Stored
from acidity.run.target import target_of
from acidity.run.works import Moves, Work, drive, drive_async


def reversal(original: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The decorated function undoes what `original` has committed: ``function(session, result, …)``.

    It is given what the original returned, and then what the original was given. It runs as one unit on the same
    database and the same terms as the original. Write what happened, rather than wiping it out: in a ledger, an entry
    is reversed by an opposite entry.

    Args:
        original: a function decorated with ``@atomic(…, idempotency_key=…)``.

    Returns:
        A decorator. What it makes is called like the original, as `reverse` does.

    Raises:
        UsageError: the original cannot be reversed, or is already by another function.

    Example:
        >>> @reversal(transfer)                                             # doctest: +SKIP
        ... def give_back(session, result, request, source, target, amount): ...
        >>> give_back("r-1", 1, 2, 50)                                      # doctest: +SKIP

    Source: J. Gray, "The Transaction Concept: Virtues and Limitations", VLDB 1981 (compensating transactions).
    """
    unit: Decorated | None = getattr(original, "__acidity__", None)
    name = getattr(original, "__name__", repr(original))
    if hasattr(original, "__acidity_reverses__"):
        raise UsageError(f"{name}() is a reversal itself; what it undid is done again by a new unit with a new key")
    if unit is None or unit.unit.key is None:
        raise UsageError(f"{name}() leaves no trace to go by: decorate it with @atomic(…, idempotency_key=…)")
    if hasattr(original, "__acidity_reversal__"):
        raise UsageError(f"{name}() has a reversal already")

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        asynchronous = unit.unit.asynchronous
        if inspect.iscoroutinefunction(function) is not asynchronous:
            raise UsageError(f"{function.__name__}() must be {'async' if asynchronous else 'plain'}, as {name}() is")

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if context.current(target_of(unit.unit.what).key) is not None:
                raise BoundaryError("a reversal is a unit of its own, with its own marker; call it outside")
            steps = _steps(unit, function, args, kwargs)
            return drive_async(steps) if asynchronous else drive(steps)

        made: Any = wrapper
        made.__acidity_reverses__ = original
        original.__acidity_reversal__ = made  # type: ignore[attr-defined]
        return wrapper

    return decorate


def reverse(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Undo a committed unit by its `reversal`; to be awaited if the original is.

    Args:
        original: the decorated function.
        args: what it was called with; its marker keeps a fingerprint to compare with.
        kwargs: the same.

    Returns:
        What the reversal returned; the same again for a repeat, which does nothing.

    Raises:
        NothingToReverse: no unit with this key is committed, and from now on none can be.
        KeyReused: the key belongs to a call with other arguments; nothing was done.
        UsageError: the function has no reversal, or is one.
        BoundaryError: called inside a unit of work.

    Example:
        >>> reverse(transfer, "r-1", 1, 2, 50)                              # doctest: +SKIP
    """
    name = getattr(original, "__name__", repr(original))
    if hasattr(original, "__acidity_reverses__"):
        raise UsageError(f"{name}() is a reversal itself; what it undid is done again by a new unit with a new key")
    made = getattr(original, "__acidity_reversal__", None)
    if made is None:
        raise UsageError(f"{name}() has no reversal; write one and decorate it with @reversal({name})")
    return made(*args, **kwargs)


class _Late(Exception):  # noqa: N818  # an answer, not an error
    """The original was committed after it was looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reversal(Marker):
    """The row of a reversal, and what it found of the original: nothing yet, that there is none, or its row."""

    original: Marker
    found: list[Stored | None] = field(default_factory=list)

    @property
    def hash(self) -> str:
        """The primary key; no key of a caller's can be the same."""
        return digest(self.original.hash, "reversal")

    def insert(self, connection: Connection) -> None:
        """Write it, and look for the original; fence that off if there is none.

        Raises:
            KeyTaken: there has been a reversal.
            KeyReused: the original is another request.
        """
        Marker.insert(self, connection)
        stored = self.original.seen(connection)
        if stored is None:
            try:
                replace(self.original, fingerprint=REVERSED, waits=True).insert(connection)
            except KeyTaken as taken:  # it has waited for one that was under way
                raise _Late from taken
        else:
            self.original.same_request(stored)
        self.found.append(stored)

    def store(self, connection: Connection, result: Any) -> None:
        """Keep whether something was reversed, and the answer."""
        Marker.store(self, connection, [result] if self.found[0] is not None else [])


def _steps(unit: Decorated, function: Callable[..., Any], args: Any, kwargs: Any) -> Moves:
    original = unit.marker(args, kwargs)
    assert original is not None, "it has a key"
    attempts: list[_Reversal] = []

    def marker() -> _Reversal:
        key = f"reversal of {original.key}"
        attempts.append(_Reversal(key, original.fingerprint, idempotent=True, original=original))
        return attempts[-1]

    def body(session: Any) -> Any:
        stored = attempts[-1].found[0]
        if stored is not None:
            return function(session, stored.result, *args, **kwargs)
        return _nothing() if unit.unit.asynchronous else None

    while True:
        course = Course(target_of(unit.unit.what), unit.unit.terms, unit.unit.policy, marker)
        try:
            answer = (yield Work(course, body)).get()
            break
        except _Late:
            continue
    found = attempts[-1].found
    answers = answer if not found else [answer] if found[0] is not None else []
    if not answers:
        raise NothingToReverse(
            f"no committed unit has the key {original.key!r} (or its marker was pruned); from now on the key is used up"
        )
    return answers[0]


async def _nothing() -> None:
    """There is nothing to undo."""
