"""The bookings for asyncio: `app` again, on an ``AsyncEngine``; needs ``acidity[async]``."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from acidity import atomic
from acidity.run import configure_sqlite, lock
from examples.booking.app import refuse_unless_theirs, take_if_free
from examples.booking.models import Seat
from examples.booking.rules import SeatTakenError, check_passenger, no_such_seat

engine = create_async_engine("sqlite+aiosqlite:///:memory:")
configure_sqlite(engine)
Sessions = async_sessionmaker(engine)


@atomic(Sessions)
async def book(session: AsyncSession, flight: str, number: str, passenger: str) -> str:
    """Give the passenger this seat, locked before anybody looks whether it is free.

    Raises:
        SeatTakenError: somebody else has it: "seat not available".
        RefusedError: there is no such seat, or the name is none.
        CommitUnknown: COMMIT was sent, and the database did not answer; the same passenger may ask again.
    """
    check_passenger(passenger)
    try:
        [seat] = await lock(session, Seat, [(flight, number)])
    except LookupError as error:
        raise no_such_seat(flight, number) from error
    if seat.passenger not in {None, passenger}:
        raise SeatTakenError
    seat.passenger = passenger
    return number


@atomic(Sessions)
async def book_if_free(session: AsyncSession, flight: str, number: str, passenger: str) -> str:
    """The same in one UPDATE, with its condition.

    Raises:
        SeatTakenError: as above.
        RefusedError: as above.
        CommitUnknown: as above.
    """
    check_passenger(passenger)
    done: Any = await session.execute(take_if_free(flight, number, passenger))
    if done.rowcount == 0:
        await session.run_sync(refuse_unless_theirs, flight, number, passenger)
    return number
