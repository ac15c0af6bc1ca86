"""What is to be proved about the bookings: seat 14A on AI-101, which Rahul and Priya both want."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from examples.booking.app import book, book_if_free, cancel, open_flight
from examples.booking.models import Base, Flight, Seat
from examples.booking.rules import SeatTakenError
from examples.command import RefusedError
from examples.durable import DURABLE

AI_101, SEAT, BESIDE, TAKEN = "AI-101", "14A", "14B", "14C"
RAHUL, PRIYA, ANITA = "Rahul", "Priya", "Anita"


def seed(session: Session) -> None:
    """14A and 14B are free, Anita has 14C."""
    session.add(Flight(code=AI_101))
    session.flush()
    session.add_all(
        Seat(flight=AI_101, number=number, passenger=who)
        for number, who in ((SEAT, None), (BESIDE, None), (TAKEN, ANITA))
    )


def each_yes_is_a_seat(session: Session, run: Any) -> bool:
    """As many seats are taken as passengers were told "yes"."""
    told_yes = sum(ending.told == "ok" for ending in run.ended)
    not_told = sum(ending.told == "unknown" for ending in run.ended)
    taken = session.scalar(select(func.count(Seat.passenger)).where(Seat.number != TAKEN)) or 0
    return bool(told_yes <= taken <= told_yes + not_told)


def anita_has_hers(session: Session) -> bool:
    """Nobody takes 14C from Anita."""
    return session.get_one(Seat, (AI_101, TAKEN)).passenger == ANITA


def asked(function: Callable[..., Any], *requests: tuple[str, str], raises: Any = (), **more: Any) -> Scenario:
    """A scenario of passengers who ask for seats: each is cut at every call, and all are let at them at once."""
    options: dict[str, Any] = {
        "metadata": Base.metadata,
        "setup": seed,
        "invariants": [each_yes_is_a_seat, anita_has_hers],
        "bind": "examples.booking.app:engine",
        "settings": DURABLE,
    }
    return Scenario(
        *(Operation(function, AI_101, number, passenger, raises=raises) for number, passenger in requests),
        **options | more,
    )


booked = asked(book, (SEAT, RAHUL), (SEAT, PRIYA))
booked_if_free = asked(book_if_free, (SEAT, RAHUL), (SEAT, PRIYA))
side_by_side = asked(book, (SEAT, RAHUL), (BESIDE, PRIYA))
taken = asked(book, (TAKEN, RAHUL), raises=SeatTakenError)
taken_if_free = asked(book_if_free, (TAKEN, RAHUL), raises=SeatTakenError)
no_such_seat = asked(book, ("99Z", RAHUL), raises=RefusedError)
no_such_seat_if_free = asked(book_if_free, ("99Z", RAHUL), raises=RefusedError)
given_back = asked(cancel, (TAKEN, ANITA), invariants=())
given_back_by_another = asked(cancel, (TAKEN, RAHUL), raises=RefusedError)
opened = Scenario(
    Operation(open_flight, "AI-102", 1),
    metadata=Base.metadata,
    setup=seed,
    bind="examples.booking.app:engine",
    settings=DURABLE,
)
