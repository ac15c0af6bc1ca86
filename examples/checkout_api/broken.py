"""What acidity is asked about each twin: the rules of the shipped checkout, on the same rows."""

from __future__ import annotations

from typing import Any

from acidity.prove import Effect, Operation
from examples.checkout_api import twins
from examples.checkout_api.gateway import DECLINED
from examples.checkout_api.scenarios import GOOD, P001, asked, charges, pieces_are_kept, totals_are_those_of_the_items

twins.gateway.bank = charges
TWINS: dict[str, Any] = {
    "bind": "examples.checkout_api.twins:engine",
    "effects": [Effect(twins.gateway.charge, key=lambda key, *_: key)],
    "invariants": [totals_are_those_of_the_items, pieces_are_kept],
    "commits": "one",
    "recover": None,
}

zeroed = asked(Operation(twins.checkout_that_zeroes, P001, 2, DECLINED), **TWINS)
ordered_unpaid = asked(Operation(twins.checkout_that_zeroes, P001, 2, GOOD), **TWINS)
charged_and_gone = asked(Operation(twins.checkout_in_one_transaction, P001, 2, GOOD), **TWINS)
charged_and_denied = asked(Operation(twins.checkout_without_charges, P001, 2, GOOD), **TWINS)
answered_before_commit = asked(
    Operation.asgi(twins.app, "POST", "/checkouts", json={"product": P001, "quantity": 2, "card": GOOD}), **TWINS
)
