"""A checkout over HTTP. As a target, ``examples.checkout_api`` is what it must pass; it needs ``acidity[api]``."""

from __future__ import annotations

from examples.checkout_api.scenarios import (
    again,
    again_on_flask,
    answer_lost,
    answer_lost_on_flask,
    bought,
    bought_on_flask,
    declined,
    declined_on_flask,
    failed_before,
    in_progress,
    last,
    other_product,
    other_request,
    recovered,
    recovered_without_a_charge,
    silent,
    silent_on_flask,
    sold_out,
    unknown,
)

__all__ = [
    "again",
    "again_on_flask",
    "answer_lost",
    "answer_lost_on_flask",
    "bought",
    "bought_on_flask",
    "declined",
    "declined_on_flask",
    "failed_before",
    "in_progress",
    "last",
    "other_product",
    "other_request",
    "recovered",
    "recovered_without_a_charge",
    "silent",
    "silent_on_flask",
    "sold_out",
    "unknown",
]
