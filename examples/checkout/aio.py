"""The checkout for asyncio: the same steps on an ``AsyncEngine``; needs ``acidity[async]``."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from acidity import atomic
from acidity.run import configure_sqlite
from examples.checkout import steps
from examples.checkout.app import ATTEMPTS, LEVEL

engine = create_async_engine("sqlite+aiosqlite:///:memory:")
configure_sqlite(engine)
Sessions = async_sessionmaker(engine)


@atomic(Sessions, isolation_level=LEVEL, max_attempts=ATTEMPTS)
async def checkout(session: AsyncSession, number: str, customer: str, product: str, quantity: int) -> Decimal:
    """Buy pieces of a product; see `app.checkout`."""
    return await session.run_sync(steps.buy, number, customer, product, quantity)


@atomic(Sessions, isolation_level=LEVEL, max_attempts=ATTEMPTS)
async def deactivate(session: AsyncSession, customer: str) -> list[str]:
    """A customer buys no more, and their orders are cancelled in the same unit; see `app.deactivate`."""
    return await session.run_sync(steps.deactivate, customer)
