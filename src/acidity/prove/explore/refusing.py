"""An engine turns a caller away in the midst of several transactions: the same in an order of transactions.

What an error of an engine leads to, the program decides: it may give up, compensate or go on. So the caller is turned
away at the same place by the same error, while nobody else has a transaction open; whatever its transaction has done is
rolled back where the engine does that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from acidity.adapters.seam import Layer, PendingCall
from acidity.core.call import Event, Kind
from acidity.engines.speech import ErrorClass
from acidity.prove.explore.units import Units

_ROLLED_BACK = frozenset({ErrorClass.SERIALIZATION, ErrorClass.DEADLOCK})
_FAILS_ALL = "postgresql"  # any error there fails the whole transaction
Place = tuple[int, int]  # how many transactions have ended before, and how many Calls of this one were made


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a caller was turned away.

    Attributes:
        place: where in it, as `place_of` counts.
        error: what the driver raised.
        kind: what that means.
    """

    place: Place
    error: BaseException
    kind: ErrorClass


@dataclass(slots=True)
class Noting(Layer):
    """Keeps what the driver raised, by the number of the Call."""

    raised: dict[int, BaseException] = field(default_factory=dict)

    def intercept(self, pending: PendingCall) -> None:
        """Pass it on."""
        try:
            self.inner.intercept(pending)
        except Exception as error:
            self.raised[pending.call.index] = error
            raise


@dataclass(slots=True)
class Refusing(Layer):
    """Turns a caller away once, at one place."""

    refusal: Refusal
    events: list[Event]

    def intercept(self, pending: PendingCall) -> None:
        """Pass it on, or raise instead."""
        wire, refusal = pending.wire, self.refusal
        if wire is None or place_of(self.events) != refusal.place:
            self.inner.intercept(pending)
            return
        if refusal.kind in _ROLLED_BACK or wire.engine == _FAILS_ALL:
            wire.rollback()
        raise refusal.error


def place_of(events: Iterable[Event]) -> Place:
    """Where a caller is that has had these answers."""
    units, calls = Units(), 0
    for event in events:
        if event.call.kind is not Kind.EFFECT:
            before = len(units.order)
            units.take(event)
            calls = 0 if len(units.order) > before else calls + 1
    return len(units.order), calls
