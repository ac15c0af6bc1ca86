"""The budget tracker with `acidity.atomic` for asyncio: `app` again, on an ``AsyncEngine``."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from acidity import atomic
from acidity.run import configure_sqlite
from examples.budget.models import Category, Expense
from examples.budget.rules import (
    Answer,
    RefusedError,
    check_deleted,
    check_merge,
    check_transfer,
    month_totals,
    owned_categories,
    transfer_entries,
)

engine = create_async_engine("sqlite+aiosqlite:///:memory:")
configure_sqlite(engine)


async def transfer_budget(user_id: int, from_category_id: int, to_category_id: int, amount: Decimal) -> Answer:
    """Move an amount of budget from one category of the user to another: one entry in each.

    Raises:
        CommitUnknown: COMMIT was sent, and the database does not answer what became of it.
    """
    try:
        await make_transfer(user_id, from_category_id, to_category_id, amount)
    except RefusedError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


@atomic(engine, max_attempts=3, resolve_commit=True)
async def make_transfer(session: AsyncSession, user_id: int, from_id: int, to_id: int, amount: Decimal) -> None:
    """One unit of work: both entries or none. A refusal leaves it as an exception, which rolls back."""
    owned = (await session.scalars(owned_categories(user_id, from_id, to_id))).all()
    check_transfer(owned, from_id, to_id, amount)
    session.add_all(transfer_entries(user_id, from_id, to_id, amount))


async def merge_category(user_id: int, source_id: int, target_id: int) -> Answer:
    """Move every expense of one category into another, then delete the empty one; as a block, which runs once.

    Raises:
        CommitUnknown: as above.
    """
    try:
        async with atomic(engine, resolve_commit=True) as session:
            owned = (await session.scalars(owned_categories(user_id, source_id, target_id))).all()
            check_merge(owned, source_id, target_id)
            await session.execute(update(Expense).where(Expense.category_id == source_id).values(category_id=target_id))
            check_deleted(await session.execute(delete(Category).where(Category.id == source_id)))
    except RefusedError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


@atomic(engine, read_only=True, max_attempts=3)
async def monthly_summary(session: AsyncSession, user_id: int, year: int, month: int) -> dict[str, Decimal]:
    """What the user spent in that month, exactly, by the name of the category."""
    return dict((await session.execute(month_totals(user_id, year, month))).all())
