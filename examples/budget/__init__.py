"""A budget tracker. As a target, ``examples.budget`` is the scenarios below: what the shipped functions must pass."""

from __future__ import annotations

from examples.budget.scenarios import (
    merge,
    merge_into_itself,
    merge_into_other_users,
    merge_into_unknown,
    merge_other_users,
    merge_unknown,
    summary,
    summary_of_december,
    transfer,
    transfer_from_other_user,
    transfer_from_unknown,
    transfer_half_a_cent,
    transfer_negative,
    transfer_not_a_number,
    transfer_one_cent,
    transfer_same_category,
    transfer_to_other_user,
    transfer_to_unknown,
    transfer_too_much,
    transfer_zero,
)

__all__ = [
    "merge",
    "merge_into_itself",
    "merge_into_other_users",
    "merge_into_unknown",
    "merge_other_users",
    "merge_unknown",
    "summary",
    "summary_of_december",
    "transfer",
    "transfer_from_other_user",
    "transfer_from_unknown",
    "transfer_half_a_cent",
    "transfer_negative",
    "transfer_not_a_number",
    "transfer_one_cent",
    "transfer_same_category",
    "transfer_to_other_user",
    "transfer_to_unknown",
    "transfer_too_much",
    "transfer_zero",
]
