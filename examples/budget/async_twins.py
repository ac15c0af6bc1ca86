"""Broken twins of the functions of `aio`, each with one bug; see `twins`."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker

from examples.budget.aio import engine, unit_of_work
from examples.budget.async_scenarios import merges, transfers
from examples.budget.models import Category, Expense
from examples.budget.rules import (
    Answer,
    RefusedError,
    check_merge,
    check_transfer,
    owned_categories,
    transfer_entries,
)
from examples.budget.scenarios import ALICE, AMOUNT, FOOD, TRAVEL

shared = async_scoped_session(async_sessionmaker(engine), scopefunc=asyncio.current_task)


async def check(session: AsyncSession, user_id: int, from_id: int, to_id: int, amount: Decimal) -> None:
    """The validation, which these twins do right."""
    owned = (await session.scalars(owned_categories(user_id, from_id, to_id))).all()
    check_transfer(owned, from_id, to_id, amount)


async def transfer_in_two_sessions(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """The debit in one session, the credit in another."""
    debit, credit = transfer_entries(user_id, from_id, to_id, amount)
    async with AsyncSession(engine) as session, session.begin():  # <- two sessions: half is committed
        await check(session, user_id, from_id, to_id, amount)
        session.add(debit)
        await session.flush()
    async with AsyncSession(engine) as session, session.begin():
        session.add(credit)
        await session.flush()  # <- two sessions: half is committed
    return {"success": True}


async def transfer_with_commit_between(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """One session, with a commit between debit and credit."""
    debit, credit = transfer_entries(user_id, from_id, to_id, amount)
    async with AsyncSession(engine) as session:
        try:
            await check(session, user_id, from_id, to_id, amount)
            session.add(debit)
            await session.commit()  # <- commit between: half is committed
            session.add(credit)
            await session.flush()  # <- commit between: half is committed
            await session.commit()
        except BaseException:
            await session.rollback()
            raise
    return {"success": True}


async def transfer_caught_without_rollback(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """On a shared session: the exception is caught, nothing is rolled back, and the session is used again."""
    answer: Answer = {"success": True}
    try:
        await check(shared(), user_id, from_id, to_id, amount)
        debit = {"user_id": user_id, "category_id": from_id, "description": "Budget transfer", "amount": -amount}
        credit = {**debit, "category_id": to_id, "amount": amount}
        await shared.execute(insert(Expense).values(debit))  # <- caught: half is in
        await shared.execute(insert(Expense).values(credit))  # <- caught: half is in
    except Exception as error:
        answer = {"success": False, "error": str(error)}
    try:
        await shared.commit()  # <- caught: half is in, and the session is used again
    finally:
        await shared.remove()
    return answer


async def transfer_without_commit(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """Everything is sent, success is reported, nothing is committed."""
    debit, credit = transfer_entries(user_id, from_id, to_id, amount)
    async with AsyncSession(engine) as session:
        await check(session, user_id, from_id, to_id, amount)
        session.add(debit)
        await session.flush()
        session.add(credit)
        await session.flush()
        return {"success": True}


async def transfer_as_in_the_text(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """The template of the teaching text: every exception becomes ``{"success": False}``, that of COMMIT too."""
    session = AsyncSession(engine)
    try:
        await check(session, user_id, from_id, to_id, amount)
        debit, credit = transfer_entries(user_id, from_id, to_id, amount)
        session.add(debit)
        await session.flush()
        session.add(credit)
        await session.flush()
        await session.commit()  # <- as in the text: after this line failure may be a lie
    except Exception as error:
        await session.rollback()
        return {"success": False, "error": str(error)}
    else:
        return {"success": True}
    finally:
        await session.close()


async def transfer_with_stock_commit(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """The shape of SQLAlchemy's own tutorial: nobody rolls back after a refused COMMIT."""
    debit, credit = transfer_entries(user_id, from_id, to_id, amount)
    async with AsyncSession(engine) as session:
        await check(session, user_id, from_id, to_id, amount)
        session.add(debit)
        await session.flush()
        session.add(credit)
        await session.flush()
        await session.commit()  # <- stock commit: refused, and left open in the pool
    return {"success": True}


async def transfer_with_autocommit(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """Both entries in one flush, on a connection that commits every statement by itself."""
    async with AsyncSession(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
        await check(session, user_id, from_id, to_id, amount)
        session.add_all(transfer_entries(user_id, from_id, to_id, amount))
        await session.flush()  # <- autocommit: what was sent is committed
        await session.commit()  # <- autocommit: what was sent is committed
    return {"success": True}


async def merge_without_counting(user_id: int, source_id: int, target_id: int) -> Answer:
    """Nobody asks whether anything was deleted: of two merges at once both say that they did it."""
    try:
        async with unit_of_work() as session:
            owned = (await session.scalars(owned_categories(user_id, source_id, target_id))).all()
            check_merge(owned, source_id, target_id)
            await session.execute(update(Expense).where(Expense.category_id == source_id).values(category_id=target_id))
            await session.execute(delete(Category).where(Category.id == source_id))
    except RefusedError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


two_sessions = transfers(transfer_in_two_sessions, ALICE, FOOD, TRAVEL, AMOUNT)
commit_between = transfers(transfer_with_commit_between, ALICE, FOOD, TRAVEL, AMOUNT)
caught_without_rollback = transfers(transfer_caught_without_rollback, ALICE, FOOD, TRAVEL, AMOUNT)
success_without_commit = transfers(transfer_without_commit, ALICE, FOOD, TRAVEL, AMOUNT)
as_in_the_text = transfers(transfer_as_in_the_text, ALICE, FOOD, TRAVEL, AMOUNT)
stock_session_commit = transfers(transfer_with_stock_commit, ALICE, FOOD, TRAVEL, AMOUNT)
flushed_at_once = transfers(transfer_with_autocommit, ALICE, FOOD, TRAVEL, AMOUNT)
merge_uncounted = merges(merge_without_counting, ALICE, FOOD, TRAVEL)
