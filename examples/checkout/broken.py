"""What acidity is asked about each twin: the rules of the shipped checkout, on the same rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from acidity.prove import Operation
from examples.checkout import twins
from examples.checkout.scenarios import C001, C002, P001, asked, buys

TWINS: dict[str, Any] = {"bind": "examples.checkout.twins:engine"}

no_boundary = buys(twins.checkout_without_boundary, ("O-1", C001, P001, 2), **TWINS)
reservation_leaked = buys(twins.checkout_after_reserving, ("O-1", C001, P001, 2), **TWINS)
wallet_unconditional = buys(twins.checkout_on_credit, ("O-1", C002, P001, 2), **TWINS)
price_twice = asked(
    Operation(twins.checkout_with_two_prices, "O-1", C001, P001, 2),
    Operation(twins.set_price, P001, Decimal(300)),
    **TWINS,
)
beside_deactivation = asked(
    Operation(twins.checkout_without_locking_customer, "O-1", C001, P001, 1),
    Operation(twins.deactivate, C001),
    **TWINS,
)
