"""What is to be proved about `aio`; a target of its own, because it needs ``acidity[async]``."""

from __future__ import annotations

from examples.booking.aio import book, book_if_free
from examples.booking.rules import SeatTakenError
from examples.booking.scenarios import PRIYA, RAHUL, SEAT, TAKEN, asked
from examples.command import RefusedError

ENGINE = "examples.booking.aio:engine"

booked = asked(book, (SEAT, RAHUL), (SEAT, PRIYA), bind=ENGINE)
booked_if_free = asked(book_if_free, (SEAT, RAHUL), (SEAT, PRIYA), bind=ENGINE)
taken = asked(book, (TAKEN, RAHUL), raises=SeatTakenError, bind=ENGINE)
taken_if_free = asked(book_if_free, (TAKEN, RAHUL), raises=SeatTakenError, bind=ENGINE)
no_such_seat = asked(book, ("99Z", RAHUL), raises=RefusedError, bind=ENGINE)
