"""The purchases for asyncio: `app` again, on an ``AsyncEngine``; needs ``acidity[async]``."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from acidity import atomic
from acidity.run import configure_sqlite, lock
from examples.flash_sale.app import ATTEMPTS, no_such_item, one_less, record, refuse, take
from examples.flash_sale.models import Item

engine = create_async_engine("sqlite+aiosqlite:///:memory:")
configure_sqlite(engine)
Sessions = async_sessionmaker(engine)


@atomic(Sessions, max_attempts=ATTEMPTS)
async def buy_if_any(session: AsyncSession, sku: str, purchase: str) -> None:
    """Buy a piece with a conditional UPDATE.

    Raises:
        SoldOutError: no piece is left.
        RefusedError: there is no such item, or this purchase was made already.
        RetriesExhausted: others were faster each time; nothing was written.
        CommitUnknown: COMMIT was sent, and the database did not answer; ask again, "made already" is a yes.
    """
    done: Any = await session.execute(one_less(sku))
    if done.rowcount == 0:
        await session.run_sync(refuse, sku)
    await session.run_sync(record, sku, purchase)


@atomic(Sessions, max_attempts=ATTEMPTS)
async def buy_locked(session: AsyncSession, sku: str, purchase: str) -> None:
    """Buy a piece with SELECT … FOR UPDATE.

    Raises:
        SoldOutError: as above, and so on.
    """
    try:
        [item] = await lock(session, Item, [sku])
    except LookupError as error:
        raise no_such_item(sku) from error
    take(item)
    await session.run_sync(record, sku, purchase)


@atomic(Sessions, isolation_level="SERIALIZABLE", max_attempts=ATTEMPTS)
async def buy_serializable(session: AsyncSession, sku: str, purchase: str) -> None:
    """Buy a piece at SERIALIZABLE, and begin anew when the database says that it met another.

    Raises:
        SoldOutError: as above, and so on.
    """
    item = await session.get(Item, sku)
    if item is None:
        raise no_such_item(sku)
    take(item)
    await session.run_sync(record, sku, purchase)
