"""What acidity is asked about each twin: the rules of the shipped orders, on the same rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from examples.command import RefusedError
from examples.orders import twins
from examples.orders.scenarios import ONE_OF_8, TWO_OF_12, WHOLE, asked, one_invoice_is_unpaid_at_most, placed

TWINS: dict[str, Any] = {"bind": "examples.orders.twins:engine"}

autocommit = asked(twins.confirm_in_autocommit, (5001, 12, 2), **TWINS, setup=placed, invariants=WHOLE)
everything = asked(twins.place_and_undo_everything, (5001, 1, Decimal(280)), **TWINS)
nothing = asked(twins.place_and_undo_nothing, (5001, 1, Decimal(280), TWO_OF_12), **TWINS)
released = asked(twins.go_back_after_release, (5001, 1, Decimal(280)), **TWINS)
unchecked = asked(twins.place_without_checking_total, (5002, 1, Decimal(480), TWO_OF_12, ONE_OF_8), **TWINS)
credit_twice = asked(
    twins.place_on_credit_if_nothing_is_owed,
    (5001, 1, Decimal(280)),
    (5002, 1, Decimal(140)),
    **TWINS,
    invariants=[one_invoice_is_unpaid_at_most],
)
oversold = asked(twins.sell_without_a_lock, (12, 6), (12, 6), **TWINS)
city_kept = asked(twins.move_in_autocommit, (1, "Bengaluru"), raises=RefusedError, **TWINS)
