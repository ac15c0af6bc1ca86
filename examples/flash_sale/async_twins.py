"""A mistake of `twins` for asyncio. Nothing in here knows that acidity exists."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from examples.flash_sale.models import Item, Sale

engine = create_async_engine("sqlite+aiosqlite:///:memory:")


async def buy_after_reading(sku: str, purchase: str) -> None:
    """Read 10, write 9: between the two is an await, and whatever another task does meanwhile."""
    async with AsyncSession(engine) as session, session.begin():
        stock = (await session.scalars(select(Item.stock).where(Item.sku == sku))).one()  # <- read 10, write 9
        if stock == 0:
            raise LookupError("sold out")
        await session.execute(update(Item).where(Item.sku == sku).values(stock=stock - 1))
        session.add(Sale(purchase=purchase, sku=sku))
