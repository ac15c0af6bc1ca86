"""What acidity is asked about each twin: the rules of the shipped bookings, on the same seat."""

from __future__ import annotations

from examples.booking import twins
from examples.booking.scenarios import PRIYA, RAHUL, SEAT, asked

looked_first = asked(twins.book_after_looking, (SEAT, RAHUL), (SEAT, PRIYA), bind="examples.booking.twins:engine")
