"""The same booking with a mistake. Nothing in here knows that acidity exists."""

from __future__ import annotations

from sqlalchemy import create_engine, select, update
from sqlalchemy.orm import Session

from examples.booking.models import Seat
from examples.booking.rules import SeatTakenError

engine = create_engine("sqlite:///:memory:")


def book_after_looking(flight: str, number: str, passenger: str) -> str:
    """SELECT, and then UPDATE: whoever looks before the other has committed sees a free seat, and takes it."""
    this = (Seat.flight == flight) & (Seat.number == number)
    with Session(engine) as session, session.begin():
        if session.scalars(select(Seat.passenger).where(this)).one() is not None:  # <- seen free by both
            raise SeatTakenError
        session.execute(update(Seat).where(this).values(passenger=passenger))
    return number
