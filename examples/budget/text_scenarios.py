"""What acidity is asked about `text`, whose engine in memory it leads to another database."""

from __future__ import annotations

from examples.budget.scenarios import ALICE, AMOUNT, FOOD, NO_SUCH, TRAVEL, transfers
from examples.budget.text import transfer_budget

ENGINE = "examples.budget.text:engine"

transfer = transfers(transfer_budget, ALICE, FOOD, TRAVEL, AMOUNT, bind=ENGINE)
transfer_to_unknown = transfers(transfer_budget, ALICE, FOOD, NO_SUCH, AMOUNT, refused=True, bind=ENGINE)
