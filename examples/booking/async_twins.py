"""The mistake of `twins` for asyncio. Nothing in here knows that acidity exists."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from examples.booking.models import Seat
from examples.booking.rules import SeatTakenError

engine = create_async_engine("sqlite+aiosqlite:///:memory:")


async def book_after_looking(flight: str, number: str, passenger: str) -> str:
    """SELECT, and then UPDATE: between them is an await, and whatever another task does meanwhile."""
    this = (Seat.flight == flight) & (Seat.number == number)
    async with AsyncSession(engine) as session, session.begin():
        if (await session.scalars(select(Seat.passenger).where(this))).one() is not None:  # <- seen free by both
            raise SeatTakenError
        await session.execute(update(Seat).where(this).values(passenger=passenger))
    return number
