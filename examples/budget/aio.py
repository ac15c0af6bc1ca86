"""The budget tracker for asyncio: `app` again, on an ``AsyncEngine``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from sqlalchemy import delete, event, update
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from examples.budget.app import enforce_foreign_keys
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

engine = create_async_engine("sqlite+aiosqlite:///:memory:")
event.listen(engine.sync_engine, "connect", enforce_foreign_keys)


@asynccontextmanager
async def unit_of_work() -> AsyncIterator[AsyncSession]:
    """One session, one commit, one rollback; see `app.unit_of_work` for why it has this shape.

    Raises:
        OutcomeUnknownError: COMMIT was sent and did not answer "done".
    """
    commit_sent = False
    try:
        async with AsyncSession(engine) as session, session.begin():  # the one commit
            yield session
            await session.flush()
            commit_sent = True
    except Exception as error:
        if commit_sent:
            raise OutcomeUnknownError("look into the database before trying again") from error
        raise


async def transfer_budget(user_id: int, from_category_id: int, to_category_id: int, amount: Decimal) -> Answer:
    """Move an amount of budget from one category of the user to another: one entry in each.

    Raises:
        OutcomeUnknownError: the transfer may or may not have been made.
    """
    try:
        async with unit_of_work() as session:
            owned = (await session.scalars(owned_categories(user_id, from_category_id, to_category_id))).all()
            check_transfer(owned, from_category_id, to_category_id, amount)
            debit, credit = transfer_entries(user_id, from_category_id, to_category_id, amount)
            session.add(debit)
            await session.flush()
            session.add(credit)
            await session.flush()
    except RefusedError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


async def merge_category(user_id: int, source_id: int, target_id: int) -> Answer:
    """Move every expense of one category into another, then delete the empty one.

    Raises:
        OutcomeUnknownError: the merge may or may not have been made.
    """
    try:
        async with unit_of_work() as session:
            owned = (await session.scalars(owned_categories(user_id, source_id, target_id))).all()
            check_merge(owned, source_id, target_id)
            await session.execute(update(Expense).where(Expense.category_id == source_id).values(category_id=target_id))
            check_deleted(await session.execute(delete(Category).where(Category.id == source_id)))
    except RefusedError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


async def monthly_summary(user_id: int, year: int, month: int) -> dict[str, Decimal]:
    """What the user spent in that month, exactly, by the name of the category."""
    async with AsyncSession(engine) as session:
        return dict((await session.execute(month_totals(user_id, year, month))).all())
