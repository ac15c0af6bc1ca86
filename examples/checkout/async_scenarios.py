"""What is to be proved about `aio`; a target of its own, because it needs ``acidity[async]``."""

from __future__ import annotations

from functools import partial

from acidity.prove import Operation
from examples.checkout import scenarios
from examples.checkout.aio import checkout, deactivate
from examples.checkout.scenarios import C001, C002, P001, P002, bought
from examples.checkout.steps import PaymentFailedError

ENGINE = "examples.checkout.aio:engine"
buys = partial(scenarios.buys, checkout, bind=ENGINE)

one = buys(("O-1", C001, P001, 2))
both = buys(("O-1", C002, P001, 1), ("O-2", C002, P001, 1))
last = buys(("O-1", C001, P002, 2), ("O-2", C002, P002, 1))
unpaid = buys(("O-1", C002, P001, 2), raises=PaymentFailedError)
deactivated = scenarios.asked(Operation(deactivate, C001), setup=bought, bind=ENGINE)
