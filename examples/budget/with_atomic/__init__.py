"""The budget tracker written with `acidity.atomic`; as a target, the scenarios that its functions must pass."""

from __future__ import annotations

from examples.budget.with_atomic.scenarios import (
    merge,
    merge_other_users,
    summary,
    transfer,
    transfer_from_other_user,
    transfer_negative,
)

__all__ = [
    "merge",
    "merge_other_users",
    "summary",
    "transfer",
    "transfer_from_other_user",
    "transfer_negative",
]
