"""Bookings. As a target, ``examples.booking`` is what they must pass; ``examples.booking.broken`` is their twins."""

from __future__ import annotations

from examples.booking.scenarios import (
    booked,
    booked_if_free,
    given_back,
    given_back_by_another,
    no_such_seat,
    no_such_seat_if_free,
    opened,
    side_by_side,
    taken,
    taken_if_free,
)

__all__ = [
    "booked",
    "booked_if_free",
    "given_back",
    "given_back_by_another",
    "no_such_seat",
    "no_such_seat_if_free",
    "opened",
    "side_by_side",
    "taken",
    "taken_if_free",
]
