"""What the budget tracker allows, apart from how the database is reached: shared by `app` and `aio`."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Collection
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from sqlalchemy import CursorResult, Result, Select, func, select

from examples.budget.models import CENT, LIMIT, Category, Expense


class Answer(TypedDict):
    """``{"success": True}``, or ``{"success": False, "error": "Category not found"}``."""

    success: bool
    error: NotRequired[str]


class RefusedError(Exception):
    """The request breaks a rule; its text is for the user."""


class OutcomeUnknownError(Exception):
    """COMMIT brought no answer: the change may be in the database, or may not. Look before trying again."""


def owned_categories(user_id: int, *category_ids: int) -> Select[int]:
    """The ids, among these, of categories that belong to the user."""
    return select(Category.id).where(Category.id.in_(category_ids), Category.user_id == user_id)


def check_amount(amount: Decimal) -> None:
    """Allow an amount that is above zero and can be stored exactly."""
    if not amount.is_finite() or amount <= 0:
        raise RefusedError("Amount must be positive")
    if amount >= LIMIT or amount != amount.quantize(CENT):
        raise RefusedError("Amount must be below 100,000,000 and have at most two decimals")


def check_expense(owned: Collection[int], category_id: int, amount: Decimal) -> None:
    """Allow an expense in a category that is the user's."""
    check_amount(amount)
    if category_id not in owned:
        raise RefusedError("Category not found")


def check_transfer(owned: Collection[int], from_category_id: int, to_category_id: int, amount: Decimal) -> None:
    """Allow a transfer or raise `RefusedError`; `owned` are the user's categories among the two."""
    check_amount(amount)
    if from_category_id == to_category_id:
        raise RefusedError("Categories must be different")
    if from_category_id not in owned or to_category_id not in owned:
        raise RefusedError("Category not found")


def check_merge(owned: Collection[int], source_id: int, target_id: int) -> None:
    """Allow a merge or raise `RefusedError`; `owned` are the user's categories among the two."""
    if source_id == target_id:
        raise RefusedError("Categories must be different")
    if source_id not in owned or target_id not in owned:
        raise RefusedError("Category not found")


def check_deleted(deleted: Result[Any]) -> None:
    """Raise `RefusedError` where there was nothing to delete: somebody else was faster, after we had looked."""
    if not isinstance(deleted, CursorResult) or deleted.rowcount != 1:
        raise RefusedError("Category not found")


def transfer_entries(
    user_id: int, from_category_id: int, to_category_id: int, amount: Decimal
) -> tuple[Expense, Expense]:
    """The debit and the credit of a transfer."""
    debit = Expense(user_id=user_id, category_id=from_category_id, description="Budget transfer", amount=-amount)
    credit = Expense(user_id=user_id, category_id=to_category_id, description="Budget transfer", amount=amount)
    return debit, credit


def month_totals(user_id: int, year: int, month: int) -> Select[str, Decimal]:
    """Name and sum of each category in which the user has entries in that month."""
    first, last = dt.date(year, month, 1), dt.date(year, month, monthrange(year, month)[1])
    return (
        select(Category.name, func.sum(Expense.amount))
        .join(Expense, Expense.category_id == Category.id)
        .where(Expense.user_id == user_id, Expense.date >= first, Expense.date <= last)
        .group_by(Category.name)
        .order_by(Category.name)
    )
