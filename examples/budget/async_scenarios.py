"""What is to be proved about `aio`; a target of its own, because it needs ``acidity[async]``."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from examples.budget import scenarios
from examples.budget.aio import merge_category, monthly_summary, transfer_budget
from examples.budget.scenarios import ALICE, AMOUNT, BOBS_RENT, FOOD, NO_SUCH, TRAVEL

ASYNC_ENGINE = "examples.budget.aio:engine"
transfers = partial(scenarios.transfers, bind=ASYNC_ENGINE)
merges = partial(scenarios.merges, bind=ASYNC_ENGINE)
summaries = partial(scenarios.summaries, bind=ASYNC_ENGINE)

transfer = transfers(transfer_budget, ALICE, FOOD, TRAVEL, AMOUNT)
transfer_one_cent = transfers(transfer_budget, ALICE, TRAVEL, FOOD, Decimal("0.01"))
transfer_zero = transfers(transfer_budget, ALICE, FOOD, TRAVEL, Decimal("0.00"), refused=True)
transfer_negative = transfers(transfer_budget, ALICE, FOOD, TRAVEL, -AMOUNT, refused=True)
transfer_not_a_number = transfers(transfer_budget, ALICE, FOOD, TRAVEL, Decimal("NaN"), refused=True)
transfer_half_a_cent = transfers(transfer_budget, ALICE, FOOD, TRAVEL, Decimal("0.005"), refused=True)
transfer_too_much = transfers(transfer_budget, ALICE, FOOD, TRAVEL, Decimal("100000000.00"), refused=True)
transfer_same_category = transfers(transfer_budget, ALICE, FOOD, FOOD, AMOUNT, refused=True)
transfer_from_unknown = transfers(transfer_budget, ALICE, NO_SUCH, TRAVEL, AMOUNT, refused=True)
transfer_to_unknown = transfers(transfer_budget, ALICE, FOOD, NO_SUCH, AMOUNT, refused=True)
transfer_from_other_user = transfers(transfer_budget, ALICE, BOBS_RENT, FOOD, AMOUNT, refused=True)
transfer_to_other_user = transfers(transfer_budget, ALICE, FOOD, BOBS_RENT, AMOUNT, refused=True)

merge = merges(merge_category, ALICE, FOOD, TRAVEL)
merge_into_itself = merges(merge_category, ALICE, FOOD, FOOD, refused=True)
merge_unknown = merges(merge_category, ALICE, NO_SUCH, FOOD, refused=True)
merge_into_unknown = merges(merge_category, ALICE, FOOD, NO_SUCH, refused=True)
merge_other_users = merges(merge_category, ALICE, BOBS_RENT, FOOD, refused=True)
merge_into_other_users = merges(merge_category, ALICE, FOOD, BOBS_RENT, refused=True)

summary = summaries(monthly_summary, ALICE, 2025, 3)
summary_of_december = summaries(monthly_summary, ALICE, 2025, 12)
