"""What acidity is asked about the twin for asyncio."""

from __future__ import annotations

from decimal import Decimal

from examples.bank import async_twins
from examples.bank.broken import TWINS
from examples.bank.scenarios import MOVED, A, B, asked

absolute = asked(
    async_twins.transfer_absolutely,
    (A, B, MOVED),
    (A, B, Decimal(300)),
    **TWINS | {"bind": "examples.bank.async_twins:engine"},
)
