"""The budget tracker: ordinary SQLAlchemy on a module-level engine. Nothing in here knows that acidity exists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from sqlalchemy import create_engine, delete, event, update
from sqlalchemy.orm import Session

from examples.budget.models import Category, Expense
from examples.budget.rules import (
    Answer,
    OutcomeUnknownError,
    RefusedError,
    check_deleted,
    check_merge,
    check_transfer,
    month_totals,
    owned_categories,
    transfer_entries,
)

engine = create_engine("sqlite:///:memory:")


@event.listens_for(engine, "connect")
def enforce_foreign_keys(dbapi_connection: Any, _record: Any) -> None:
    """SQLite checks foreign keys only where it is asked to."""
    cursor = dbapi_connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """One session, one commit, one rollback.

    ``session.begin()`` sends ROLLBACK whatever happens, after a refused COMMIT too: SQLite leaves the transaction open
    then, and ``with Session(engine) as session: …; session.commit()`` would put the connection back into the pool
    like that, for the next user's COMMIT to write what this user was told has failed.

    Raises:
        OutcomeUnknownError: COMMIT was sent and did not answer "done". Any earlier error leaves as it is, and then
            nothing was written.
    """
    commit_sent = False
    try:
        with Session(engine) as session, session.begin():  # the one commit
            yield session
            session.flush()
            commit_sent = True
    except Exception as error:
        if commit_sent:
            raise OutcomeUnknownError("look into the database before trying again") from error
        raise


def transfer_budget(user_id: int, from_category_id: int, to_category_id: int, amount: Decimal) -> Answer:
    """Move an amount of budget from one category of the user to another: one entry in each.

    ``{"success": False}`` is said only of a request that breaks a rule, and means that nothing was written. What the
    database raises is not turned into an answer: it leaves as an exception, because after a COMMIT without an answer
    "it failed" may be a lie.

    Raises:
        OutcomeUnknownError: the transfer may or may not have been made.
    """
    try:
        with unit_of_work() as session:
            owned = session.scalars(owned_categories(user_id, from_category_id, to_category_id)).all()
            check_transfer(owned, from_category_id, to_category_id, amount)
            debit, credit = transfer_entries(user_id, from_category_id, to_category_id, amount)
            session.add(debit)
            session.flush()
            session.add(credit)
            session.flush()
    except RefusedError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


def merge_category(user_id: int, source_id: int, target_id: int) -> Answer:
    """Move every expense of one category into another, then delete the empty one.

    Raises:
        OutcomeUnknownError: the merge may or may not have been made.
    """
    try:
        with unit_of_work() as session:
            owned = session.scalars(owned_categories(user_id, source_id, target_id)).all()
            check_merge(owned, source_id, target_id)
            session.execute(update(Expense).where(Expense.category_id == source_id).values(category_id=target_id))
            check_deleted(session.execute(delete(Category).where(Category.id == source_id)))
    except RefusedError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


def monthly_summary(user_id: int, year: int, month: int) -> dict[str, Decimal]:
    """What the user spent in that month, exactly, by the name of the category."""
    with Session(engine) as session:
        return dict(session.execute(month_totals(user_id, year, month)).all())
