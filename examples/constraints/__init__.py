"""Constraints. As a target, ``examples.constraints`` is what they refuse; ``examples.constraints.broken`` is twins."""

from __future__ import annotations

from examples.constraints.scenarios import (
    balance,
    begun_anew,
    both_come,
    both_pay,
    customer_twice,
    delivered,
    delivered_nothing,
    email_twice,
    hidden,
    item_of_no_order,
    no_customer,
    nothing_paid,
)

__all__ = [
    "balance",
    "begun_anew",
    "both_come",
    "both_pay",
    "customer_twice",
    "delivered",
    "delivered_nothing",
    "email_twice",
    "hidden",
    "item_of_no_order",
    "no_customer",
    "nothing_paid",
]
