"""Traps 20 and 21: a COMMIT that is cancelled, and a rollback that says nothing because there is nothing left."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from acidity import atomic
from tests.quality.traps.ledger import Entry, booked, ledger, told


async def pay_until_cancelled(async_engine: AsyncEngine) -> dict[str, bool]:
    """Who is cancelled has not paid; unless it was COMMIT that was on its way."""
    try:
        async with AsyncSession(async_engine) as session, session.begin():
            await session.execute(booked(1, -10))
            await session.execute(booked(2, 10))
    except asyncio.CancelledError:
        return {"success": False}
    return {"success": True}


async def pay_and_pass_on(async_engine: AsyncEngine) -> dict[str, bool]:
    async with AsyncSession(async_engine) as session, session.begin():
        await session.execute(booked(1, -10))
        await session.execute(booked(2, 10))
    return {"success": True}


async def pay_and_believe_rollback(async_session: AsyncSession) -> dict[str, bool]:
    """rollback() raises nothing, so nothing is written; it raises nothing after any commit()."""
    try:
        await async_session.execute(booked(1, -10))
        await async_session.execute(booked(2, 10))
        await async_session.commit()
    except DBAPIError:
        await async_session.rollback()
        return {"success": False}
    return {"success": True}


async def pay_and_look(async_engine: AsyncEngine) -> dict[str, bool]:
    """A mark of its own in the same transaction; a new connection finds it, or not."""
    mark = str(uuid4())
    commit_sent = False
    try:
        async with AsyncSession(async_engine) as session, session.begin():
            await session.execute(booked(1, -10))
            await session.execute(booked(2, 10))
            await session.execute(insert(Entry).values(account_id=1, amount=-10, note=mark))
            commit_sent = True
    except DBAPIError:
        if not commit_sent:
            return {"success": False}
        await async_engine.dispose()
        async with AsyncSession(async_engine) as session:
            found = await session.scalar(select(Entry.id).where(Entry.note == mark))
        return {"success": found is not None}
    return {"success": True}


async def pay_until_cancelled_with_atomic(async_engine: AsyncEngine) -> dict[str, bool]:
    """COMMIT is waited for, and the cancellation says in which state it found the unit."""
    try:
        async with atomic(async_engine) as session:
            await session.execute(booked(1, -10))
            await session.execute(booked(2, 10))
    except asyncio.CancelledError as error:
        return {"success": any("the unit was committed" in note for note in getattr(error, "__notes__", ()))}
    return {"success": True}


async def pay_and_believe_rollback_with_atomic(async_engine: AsyncEngine) -> dict[str, bool]:
    try:
        async with atomic(async_engine) as session:
            await session.execute(booked(1, -10))
            await session.execute(booked(2, 10))
    except DBAPIError:
        return {"success": False}
    return {"success": True}


cancelled = ledger(pay_until_cancelled, succeeded=told)
cancelled_mended = ledger(pay_and_pass_on, succeeded=told)
silent_rollback = ledger(pay_and_believe_rollback, succeeded=told)
silent_rollback_mended = ledger(pay_and_look, succeeded=told)
cancelled_atomic = ledger(pay_until_cancelled_with_atomic, succeeded=told)
silent_rollback_atomic = ledger(pay_and_believe_rollback_with_atomic, succeeded=told)
