"""A checkout. As a target, ``examples.checkout`` is what it must pass; ``examples.checkout.broken`` is its twins."""

from __future__ import annotations

from examples.checkout.scenarios import (
    beside_deactivation,
    beside_price,
    both,
    deactivated,
    last,
    not_active,
    nothing,
    one,
    sold_out,
    twice,
    unpaid,
)

__all__ = [
    "beside_deactivation",
    "beside_price",
    "both",
    "deactivated",
    "last",
    "not_active",
    "nothing",
    "one",
    "sold_out",
    "twice",
    "unpaid",
]
