"""The budget tracker once more, with `acidity.atomic` in place of a unit of work of its own; copy from here.

What `examples.budget.app` leaves to its callers is done here: what the database asks to have tried again is, and a
COMMIT whose answer is lost is looked up, by a row of ``acidity_marker`` that the same COMMIT writes.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import create_engine, delete, update
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic
from acidity.run import configure_sqlite
from examples.budget.models import Category, Expense
from examples.budget.rules import (
    Answer,
    RefusedError,
    check_deleted,
    check_expense,
    check_merge,
    check_transfer,
    month_totals,
    owned_categories,
    transfer_entries,
)

engine = create_engine("sqlite:///:memory:")
Sessions = sessionmaker(engine)
configure_sqlite(engine)  # real BEGINs, foreign keys, write-ahead log; only SQLite needs it


def transfer_budget(user_id: int, from_category_id: int, to_category_id: int, amount: Decimal) -> Answer:
    """Move an amount of budget from one category of the user to another: one entry in each.

    Raises:
        CommitUnknown: COMMIT was sent, and the database does not answer what became of it. Every other exception means
            that nothing was written.
    """
    try:
        make_transfer(user_id, from_category_id, to_category_id, amount)
    except RefusedError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


@atomic(Sessions, max_attempts=3, resolve_commit=True)
def make_transfer(session: Session, user_id: int, from_id: int, to_id: int, amount: Decimal) -> None:
    """One unit of work: both entries or none. A refusal leaves it as an exception, which rolls back."""
    owned = session.scalars(owned_categories(user_id, from_id, to_id)).all()
    check_transfer(owned, from_id, to_id, amount)
    session.add_all(transfer_entries(user_id, from_id, to_id, amount))


def merge_category(user_id: int, source_id: int, target_id: int) -> Answer:
    """Move every expense of one category into another, then delete the empty one; as a block, which runs once.

    Raises:
        CommitUnknown: as above.
    """
    try:
        with atomic(Sessions, resolve_commit=True) as session:
            owned = session.scalars(owned_categories(user_id, source_id, target_id)).all()
            check_merge(owned, source_id, target_id)
            session.execute(update(Expense).where(Expense.category_id == source_id).values(category_id=target_id))
            check_deleted(session.execute(delete(Category).where(Category.id == source_id)))
    except RefusedError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


@atomic(Sessions)
def add_expense(session: Session, user_id: int, category_id: int, description: str, amount: Decimal) -> None:
    """One row, which needs no transaction around it: an INSERT is there or not.

    Raises:
        RefusedError: the category is not the user's, or the amount is none.
    """
    check_expense(session.scalars(owned_categories(user_id, category_id)).all(), category_id, amount)
    session.add(Expense(user_id=user_id, category_id=category_id, description=description, amount=amount))


@atomic(Sessions, read_only=True, max_attempts=3)
def monthly_summary(session: Session, user_id: int, year: int, month: int) -> dict[str, Decimal]:
    """What the user spent in that month, exactly, by the name of the category."""
    return dict(session.execute(month_totals(user_id, year, month)).all())
