"""What acidity is asked about the twin for asyncio."""

from __future__ import annotations

from examples.flash_sale import async_twins
from examples.flash_sale.scenarios import PHONE, sold

read_then_written = sold(async_twins.buy_after_reading, PHONE, bind="examples.flash_sale.async_twins:engine")
