"""Orders. As a target, ``examples.orders`` is what they must pass; ``examples.orders.broken`` is their twins."""

from __future__ import annotations

from examples.orders.scenarios import (
    bad_item,
    below_zero,
    both_captured,
    captured,
    city_tried,
    for_nothing,
    in_debt,
    in_sql,
    no_item,
    not_hers,
    nothing_ordered,
    nothing_sold,
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
    "below_zero",
    "both_captured",
    "captured",
    "city_tried",
    "for_nothing",
    "in_debt",
    "in_sql",
    "no_item",
    "not_hers",
    "nothing_ordered",
    "nothing_sold",
    "on_credit",
    "paid",
    "second_choice",
    "sold_out",
    "stock_tried",
    "summed",
    "waiting",
    "wrong_total",
]
