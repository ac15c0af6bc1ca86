"""Orders. As a target, ``examples.orders`` is what they must pass; ``examples.orders.broken`` is their twins."""

from __future__ import annotations

from examples.orders.scenarios import (
    bad_item,
    both_captured,
    captured,
    city_tried,
    in_debt,
    in_sql,
    not_hers,
    on_credit,
    paid,
    second_choice,
    sold_out,
    stock_tried,
    summed,
    waiting,
    wrong_total,
)

__all__ = [
    "bad_item",
    "both_captured",
    "captured",
    "city_tried",
    "in_debt",
    "in_sql",
    "not_hers",
    "on_credit",
    "paid",
    "second_choice",
    "sold_out",
    "stock_tried",
    "summed",
    "waiting",
    "wrong_total",
]
