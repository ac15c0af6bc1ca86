"""What is to be proved about `app`: the rows before, the operations, and the rules that hold in every end state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import MetaData, func, select
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from examples.budget.app import merge_category, monthly_summary, transfer_budget
from examples.budget.models import Base, Category, Expense
from examples.budget.rules import Answer
from examples.durable import DURABLE

ALICE, BOB = 71, 72
FOOD, TRAVEL, BOBS_RENT, NO_SUCH = 1, 2, 3, 99
AMOUNT = Decimal("25.10")


def seed(session: Session) -> None:
    """Alice has two categories with expenses in two months, Bob has one.

    The database numbers the rows: ids of our own would leave PostgreSQL's sequence behind, and the next category would
    be refused with an id that is there already. One flush for each category makes them 1, 2 and 3 on every engine.
    """
    for user_id, name in [(ALICE, "Food"), (ALICE, "Travel"), (BOB, "Rent")]:
        session.add(Category(user_id=user_id, name=name))
        session.flush()
    for user_id, category_id, description, amount, date in [
        (ALICE, FOOD, "Groceries", "100.10", dt.date(2025, 3, 1)),
        (ALICE, FOOD, "Bread", "0.20", dt.date(2025, 3, 31)),
        (ALICE, TRAVEL, "Train", "49.99", dt.date(2025, 3, 15)),
        (ALICE, TRAVEL, "Bus", "2.80", dt.date(2025, 4, 1)),
        (BOB, BOBS_RENT, "March", "1200.00", dt.date(2025, 3, 1)),
    ]:
        session.add(
            Expense(
                user_id=user_id, category_id=category_id, description=description, amount=Decimal(amount), date=date
            )
        )


def told_ok(answer: Answer) -> bool:
    """Whether the caller was told that it succeeded."""
    return answer["success"]


def total(session: Session) -> Decimal:
    """The sum of all expenses, exactly."""
    return session.scalar(select(func.sum(Expense.amount))) or Decimal(0)


def new_entries(session: Session, run: Any) -> Sequence[Expense]:
    """The expenses that were not there before."""
    before = set(run.before.scalars(select(Expense.id)))
    return [entry for entry in session.scalars(select(Expense)) if entry.id not in before]


def count_of(session: Session, model: type[Base]) -> int:
    """How many rows the table has."""
    return session.scalar(select(func.count()).select_from(model)) or 0


def entries_net_to_zero(session: Session, run: Any) -> bool:
    """What left one category arrived in another."""
    return sum((entry.amount for entry in new_entries(session, run)), Decimal(0)) == 0


def global_sum_is_kept(session: Session, run: Any) -> bool:
    """Moving a budget neither makes nor loses money."""
    return total(session) == total(run.before)


def two_entries_or_none(session: Session, run: Any) -> bool:
    """Success adds exactly 2 rows, failure exactly 0; without an answer it is one or the other."""
    succeeded = sum(ending.told == "ok" for ending in run.ended)
    unknown = sum(ending.told == "unknown" for ending in run.ended)
    added = len(new_entries(session, run))
    return bool(added % 2 == 0 and 2 * succeeded <= added <= 2 * (succeeded + unknown))


def no_expense_is_lost(session: Session, run: Any) -> bool:
    """A merge moves expenses; it adds none and deletes none."""
    return count_of(session, Expense) == count_of(run.before, Expense)


def one_category_less_or_none(session: Session, run: Any) -> bool:
    """Success deletes exactly 1 category, failure none; without an answer it is one or the other."""
    succeeded = sum(ending.told == "ok" for ending in run.ended)
    unknown = sum(ending.told == "unknown" for ending in run.ended)
    gone = count_of(run.before, Category) - count_of(session, Category)
    return bool(succeeded <= gone <= succeeded + unknown)


def transfers(
    function: Callable[..., Any],
    *arguments: Any,
    refused: bool = False,
    bind: str = "examples.budget.app:engine",
    metadata: MetaData = Base.metadata,
    settings: Mapping[str, Mapping[str, str]] = DURABLE,
) -> Scenario:
    """A scenario for any function that makes a transfer; the twins are judged by the same rules."""
    return Scenario(
        Operation(function, *arguments, succeeded=told_ok, refused=refused),
        metadata=metadata,
        setup=seed,
        invariants=[entries_net_to_zero, global_sum_is_kept, two_entries_or_none],
        bind=bind,
        settings=settings,
    )


def merges(
    function: Callable[..., Any],
    *arguments: Any,
    refused: bool = False,
    bind: str = "examples.budget.app:engine",
    metadata: MetaData = Base.metadata,
) -> Scenario:
    """A scenario for a function that merges two categories."""
    return Scenario(
        Operation(function, *arguments, succeeded=told_ok, refused=refused),
        metadata=metadata,
        setup=seed,
        invariants=[global_sum_is_kept, no_expense_is_lost, one_category_less_or_none],
        bind=bind,
        settings=DURABLE,
    )


def summaries(
    function: Callable[..., Any],
    *arguments: Any,
    bind: str = "examples.budget.app:engine",
    metadata: MetaData = Base.metadata,
) -> Scenario:
    """A scenario for a function that only reads."""
    return Scenario(
        Operation(function, *arguments),
        metadata=metadata,
        setup=seed,
        invariants=[global_sum_is_kept, no_expense_is_lost],
        bind=bind,
        settings=DURABLE,
    )


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
