"""What acidity is asked about the twins for asyncio."""

from __future__ import annotations

from examples.booking import async_twins
from examples.booking.scenarios import PRIYA, RAHUL, SEAT, asked

looked_first = asked(
    async_twins.book_after_looking, (SEAT, RAHUL), (SEAT, PRIYA), bind="examples.booking.async_twins:engine"
)
