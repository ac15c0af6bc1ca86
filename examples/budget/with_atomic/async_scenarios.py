"""What is to be proved about `with_atomic.aio`; a target of its own, because it needs ``acidity[async]``."""

from __future__ import annotations

from functools import partial

from examples.budget import scenarios
from examples.budget.scenarios import ALICE, AMOUNT, BOBS_RENT, FOOD, TRAVEL
from examples.budget.with_atomic.aio import merge_category, monthly_summary, transfer_budget
from examples.budget.with_atomic.scenarios import metadata

ENGINE = "examples.budget.with_atomic.aio:engine"
transfers = partial(scenarios.transfers, bind=ENGINE, metadata=metadata)
merges = partial(scenarios.merges, bind=ENGINE, metadata=metadata)
summaries = partial(scenarios.summaries, bind=ENGINE, metadata=metadata)

transfer = transfers(transfer_budget, ALICE, FOOD, TRAVEL, AMOUNT)
transfer_negative = transfers(transfer_budget, ALICE, FOOD, TRAVEL, -AMOUNT, refused=True)
transfer_from_other_user = transfers(transfer_budget, ALICE, BOBS_RENT, FOOD, AMOUNT, refused=True)
merge = merges(merge_category, ALICE, FOOD, TRAVEL)
merge_other_users = merges(merge_category, ALICE, BOBS_RENT, FOOD, refused=True)
summary = summaries(monthly_summary, ALICE, 2025, 3)
