"""A mistake of `twins` for asyncio. Nothing in here knows that acidity exists."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from examples.bank.models import Account

engine = create_async_engine("sqlite+aiosqlite:///:memory:")


async def transfer_absolutely(source: str, target: str, amount: Decimal) -> None:
    """SET balance = 4500: between reading and writing is an await, and whatever another task does meanwhile."""
    async with AsyncSession(engine) as session, session.begin():
        asked = select(Account.name, Account.balance)
        found = dict((await session.execute(asked)).all())  # <- read, to be written over
        for account, change in ((source, -amount), (target, amount)):
            balance = found[account] + change
            await session.execute(update(Account).where(Account.name == account).values(balance=balance))
