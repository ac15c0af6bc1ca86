"""Seats of flights: two passengers want the same one, one gets it, and the other is told so.

`book` is what the text does: the seat is locked before anybody looks whether it is free, so the second passenger waits,
and then sees who has it. `book_if_free` is the same in one statement: the condition stands in the UPDATE, and the count
of rows says whether it was met. Both may be asked again by the passenger who has the seat already.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Update, create_engine, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic
from acidity.run import configure_sqlite, lock
from examples.booking.models import Flight, Seat
from examples.booking.rules import LETTERS, SeatTakenError, check_passenger, no_such_seat
from examples.command import RefusedError

engine = create_engine("sqlite:///:memory:")
configure_sqlite(engine)
Sessions = sessionmaker(engine)


@atomic(Sessions)
def book(session: Session, flight: str, number: str, passenger: str) -> str:
    """Give the passenger this seat: 14A on AI-101.

    Args:
        session: of the unit; `atomic` gives it.
        flight: code of the flight.
        number: of the seat.
        passenger: who wants it.

    Returns:
        The number of the seat.

    Raises:
        SeatTakenError: somebody else has it: "seat not available".
        RefusedError: there is no such seat, or the name is none.
        CommitUnknown: COMMIT was sent, and the database did not answer; the same passenger may ask again.
    """
    check_passenger(passenger)
    try:
        [seat] = lock(session, Seat, [(flight, number)])
    except LookupError as error:
        raise no_such_seat(flight, number) from error
    if seat.passenger not in {None, passenger}:
        raise SeatTakenError
    seat.passenger = passenger
    return number


@atomic(Sessions)
def book_if_free(session: Session, flight: str, number: str, passenger: str) -> str:
    """The same without a lock that is held between two statements: one UPDATE, with its condition.

    Raises:
        SeatTakenError: as above.
        RefusedError: as above.
        CommitUnknown: as above.
    """
    check_passenger(passenger)
    done: Any = session.execute(take_if_free(flight, number, passenger))
    if done.rowcount == 0:
        refuse_unless_theirs(session, flight, number, passenger)
    return number


@atomic(Sessions)
def cancel(session: Session, flight: str, number: str, passenger: str) -> None:
    """Give the seat back; only who has it can.

    Raises:
        RefusedError: the passenger has no such seat.
        CommitUnknown: as above.
    """
    try:
        [seat] = lock(session, Seat, [(flight, number)])
    except LookupError as error:
        raise no_such_seat(flight, number) from error
    if seat.passenger != passenger:
        raise RefusedError(f"{passenger} has no seat {number} on {flight}")
    seat.passenger = None


@atomic(Sessions)
def open_flight(session: Session, flight: str, rows: int) -> None:
    """Put a flight up for sale, with six seats in each row.

    Raises:
        RefusedError: there is one of that code already.
    """
    session.add(Flight(code=flight))
    try:
        session.flush()
    except IntegrityError as error:
        raise RefusedError(f"there is a flight {flight} already") from error
    session.add_all(
        Seat(flight=flight, number=f"{row}{letter}", passenger=None) for row in range(1, rows + 1) for letter in LETTERS
    )


@atomic(Sessions, read_only=True)
def seats(session: Session, flight: str) -> dict[str, str | None]:
    """Who has each seat of a flight, None where nobody has.

    Raises:
        RefusedError: there is no such flight.
    """
    if session.get(Flight, flight) is None:
        raise RefusedError(f"there is no flight {flight}")
    found = session.execute(select(Seat.number, Seat.passenger).where(Seat.flight == flight)).all()
    return dict(sorted(((number, passenger) for number, passenger in found), key=lambda each: _place(each[0])))


def take_if_free(flight: str, number: str, passenger: str) -> Update:
    """The UPDATE that takes a seat if nobody has it."""
    free = (Seat.flight == flight) & (Seat.number == number) & Seat.passenger.is_(None)
    return update(Seat).where(free).values(passenger=passenger)


def refuse_unless_theirs(session: Session, flight: str, number: str, passenger: str) -> None:
    """Say why no row was updated. Names are compared here, as 'rahul' and 'Rahul' are equal to MariaDB.

    Raises:
        RefusedError: there is no such seat.
        SeatTakenError: somebody else has it.
    """
    seat = session.get(Seat, (flight, number))
    if seat is None:
        raise no_such_seat(flight, number)
    if seat.passenger != passenger:
        raise SeatTakenError


def _place(number: str) -> tuple[int, str]:
    return int(number[:-1]), number[-1]
