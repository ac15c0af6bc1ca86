"""The transfers for asyncio: `app` again, on an ``AsyncEngine``; needs ``acidity[async]``."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from acidity import atomic
from acidity.run import configure_sqlite, lock
from examples.bank.app import balances_of, by_request, check, check_balances, move
from examples.bank.models import Account
from examples.command import RefusedError

engine = create_async_engine("sqlite+aiosqlite:///:memory:")
configure_sqlite(engine)
Sessions = async_sessionmaker(engine)


@atomic(Sessions, isolation_level="SERIALIZABLE", max_attempts=8, idempotency_key=by_request)
async def transfer(session: AsyncSession, request: str, source: str, target: str, amount: Decimal) -> None:
    """Move an amount from one account to the other; the database finds out that two transfers met.

    Raises:
        RefusedError: an account does not exist, both are the same, the amount is not one, or there is not enough money.
        CommitUnknown: COMMIT was sent, and the database does not answer what became of it; ask again with this request.
    """
    check(source, target, amount)
    check_balances(await session.run_sync(balances_of, source, target), source, target, amount)
    await session.run_sync(move, request, source, target, amount)


@atomic(Sessions, max_attempts=3, idempotency_key=by_request)
async def transfer_locked(session: AsyncSession, request: str, source: str, target: str, amount: Decimal) -> None:
    """The same at the database's own level: both rows are locked, in the order of their keys, before they are read.

    Raises:
        RefusedError: as above.
        CommitUnknown: as above.
    """
    check(source, target, amount)
    try:
        accounts = await lock(session, Account, (source, target))
    except LookupError as error:
        raise RefusedError("there is no such account") from error
    check_balances({each.name: each.balance for each in accounts}, source, target, amount)
    await session.run_sync(move, request, source, target, amount)
