"""What others write around the same transfer: the negative controls, and the twin of each that is right."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from tenacity import AsyncRetrying, Retrying, retry_if_exception, stop_after_attempt

from acidity.engines.codes import RETRYABLE, code_of
from tests.run.bank import move, transferring, transferring_async

Answer = dict[str, bool]


def commit(engine: Engine, amount: int) -> Answer:
    """As in the tutorial."""
    with Session(engine) as session:
        answer = move(session, amount)
        session.commit()
    return answer


async def commit_async(async_engine: Any, amount: int) -> Answer:
    async with AsyncSession(async_engine) as session:
        answer = await session.run_sync(move, amount)
        await session.commit()
    return answer


def begin(engine: Engine, amount: int) -> Answer:
    """The best that SQLAlchemy has."""
    with Session(engine) as session, session.begin():
        return move(session, amount)


async def begin_async(async_engine: Any, amount: int) -> Answer:
    async with AsyncSession(async_engine) as session, session.begin():
        return await session.run_sync(move, amount)


def answered(engine: Engine, amount: int) -> Answer:
    """An error of the database is made an answer: it failed."""
    try:
        return begin(engine, amount)
    except DBAPIError:
        return {"success": False}


def naive_retry(engine: Engine, amount: int) -> Answer:
    """Once more, whatever it was."""
    try:
        return begin(engine, amount)
    except Exception:
        return begin(engine, amount)


async def naive_retry_async(async_engine: Any, amount: int) -> Answer:
    try:
        return await begin_async(async_engine, amount)
    except Exception:
        return await begin_async(async_engine, amount)


def retry_by_class(engine: Engine, amount: int) -> Answer:
    """After an OperationalError, which is said to be what goes away."""
    try:
        return begin(engine, amount)
    except OperationalError:
        return begin(engine, amount)


def tenacity(engine: Engine, amount: int) -> Answer:
    return Retrying(stop=stop_after_attempt(3), reraise=True)(begin, engine, amount)


async def tenacity_async(async_engine: Any, amount: int) -> Answer:
    return await AsyncRetrying(stop=stop_after_attempt(3), reraise=True)(begin_async, async_engine, amount)


def tenacity_by_code(engine: Engine, amount: int) -> Answer:
    """Only what the database itself says it has rolled back."""
    codes = retry_if_exception(lambda error: code_of(error) in RETRYABLE)
    return Retrying(stop=stop_after_attempt(3), reraise=True, retry=codes)(begin, engine, amount)


atomic, atomic_async = transferring(), transferring_async()
resolved, resolved_async = transferring(resolve_commit=True), transferring_async(resolve_commit=True)
