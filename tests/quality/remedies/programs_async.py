"""The same programs as coroutines, for `aiosqlite` and `AsyncSession`."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiosqlite
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from tests.quality.remedies.programs import ROWS
from tests.quality.remedies.tables import ORDER, TAKE, Line, Order, Product

Factory = async_sessionmaker[AsyncSession]
kept: list[Any] = []


async def mail(order: int) -> None:
    """The mail server."""


async def ask(order: int) -> str:
    """A gateway whose answer is used."""
    return f"r{order}"


async def two_commits(async_session_factory: Factory) -> None:
    async with async_session_factory() as session:
        (await session.get_one(Product, 1)).stock -= 1
        await session.commit()
        session.add(Order(id=1, product_id=1))
        await session.flush()
        await session.commit()


async def in_one_commit(async_session_factory: Factory) -> None:
    async with async_session_factory.begin() as session:
        (await session.get_one(Product, 1)).stock -= 1
        session.add(Order(id=1, product_id=1))


async def two_commits_and_the_error_hidden(dsn: str) -> None:
    async with aiosqlite.connect(dsn) as connection:
        await connection.execute(TAKE)
        await connection.commit()
        with suppress(sqlite3.Error):
            await connection.execute(ORDER)
        await connection.commit()


async def stock_commit(async_engine: AsyncEngine) -> None:
    async with AsyncSession(async_engine) as session:
        (await session.get_one(Product, 1)).stock -= 1
        await session.commit()


async def rolled_back_by_hand(async_engine: AsyncEngine) -> None:
    async with AsyncSession(async_engine) as session, session.begin():
        (await session.get_one(Product, 1)).stock -= 1


async def noted_after_the_failure(dsn: str) -> None:
    connection = await aiosqlite.connect(dsn)
    kept[:] = [connection]
    await connection.execute(TAKE)
    try:
        await connection.commit()
    except sqlite3.Error:
        await connection.execute("INSERT INTO lines (amount) VALUES (0)")
        raise


@asynccontextmanager
async def commits_always(dsn: str) -> AsyncIterator[aiosqlite.Connection]:
    connection = await aiosqlite.connect(dsn)
    try:
        yield connection
    finally:
        await connection.commit()
        await connection.close()


@asynccontextmanager
async def commits_if_clean(dsn: str) -> AsyncIterator[aiosqlite.Connection]:
    async with aiosqlite.connect(dsn) as connection:
        try:
            yield connection
        except BaseException:
            await connection.rollback()
            raise
        await connection.commit()


async def committed_in_finally(dsn: str) -> None:
    async with commits_always(dsn) as connection:
        await connection.execute(TAKE)
        await connection.execute(ORDER)


async def committed_if_clean(dsn: str) -> None:
    async with commits_if_clean(dsn) as connection:
        await connection.execute(TAKE)
        await connection.execute(ORDER)


async def told_ok_whatever_came(dsn: str) -> bool:
    """Rolled back or not, nobody hears of an error."""
    with suppress(sqlite3.Error):
        await committed_in_finally(dsn)
    return True


async def written_in_autocommit(dsn: str) -> None:
    async with aiosqlite.connect(dsn, isolation_level=None) as connection:
        await connection.execute(TAKE)
        await connection.execute(ORDER)


async def begun_by_hand(dsn: str) -> None:
    async with aiosqlite.connect(dsn, isolation_level=None) as connection:
        await connection.execute("BEGIN")
        await connection.execute(TAKE)
        await connection.execute(ORDER)
        await connection.execute("COMMIT")


async def autocommit_notes_the_failure(dsn: str) -> None:
    async with aiosqlite.connect(dsn, isolation_level=None, timeout=0) as connection:
        await connection.execute(TAKE)
        try:
            await connection.execute(ORDER)
        except sqlite3.Error:
            await connection.rollback()
            await connection.execute("INSERT INTO lines (id, amount) VALUES (1, 0)")
            raise


async def load(dsn: str, *, savepoint: bool = False, early: bool = False) -> int:
    loaded = 0
    async with aiosqlite.connect(dsn, isolation_level=None) as connection:
        await connection.execute("BEGIN")
        for row in ROWS:
            try:
                loaded += early
                if savepoint:
                    await connection.execute("SAVEPOINT one")
                await connection.execute("INSERT INTO lines (id, amount) VALUES (?, ?)", row)
                if savepoint:
                    await connection.execute("RELEASE one")
                loaded += not early
            except sqlite3.Error:
                if savepoint:
                    await connection.execute("ROLLBACK TO one")
                else:
                    await connection.rollback()
                    await connection.execute("BEGIN")
        await connection.execute("INSERT INTO counts (loaded) VALUES (?)", (loaded,))
        await connection.commit()
    return loaded


async def skipped_with_a_rollback(dsn: str) -> int:
    return await load(dsn)


async def skipped_with_a_savepoint(dsn: str) -> int:
    return await load(dsn, savepoint=True)


async def counted_too_early(dsn: str) -> int:
    return await load(dsn, early=True)


async def mailed_before(async_session_factory: Factory) -> None:
    async with async_session_factory.begin() as session:
        await mail(1)
        session.add(Order(id=1, product_id=1))


async def mailed_after(async_session_factory: Factory) -> None:
    async with async_session_factory.begin() as session:
        session.add(Order(id=1, product_id=1))
    await mail(1)


async def answer_used(async_session_factory: Factory) -> None:
    async with async_session_factory.begin() as session:
        session.add(Order(id=len(await ask(1)), product_id=1))


async def send_what_is_not_mailed(async_session_factory: Factory) -> None:
    """What a worker does: every order is mailed, once under its number."""
    async with async_session_factory() as session:
        for order in (await session.scalars(select(Order))).all():
            await mail(order.id)


# What none of them mends, of other kinds


async def taken_back_by_hand(async_session_factory: Factory) -> None:
    """It makes up for its first COMMIT; with one COMMIT there is nothing to make up for, and it does all the same."""
    async with async_session_factory() as session:
        (await session.get_one(Product, 1)).stock -= 1
        await session.commit()
        try:
            session.add(Order(id=1, product_id=1))
            await session.commit()
        except Exception:
            await session.rollback()
            (await session.get_one(Product, 1)).stock += 1
            await session.commit()
            raise


async def goes_on_to_the_next_step(dsn: str) -> bool:
    """Its first COMMIT becomes a ROLLBACK; the step after it knows nothing of that."""
    async with aiosqlite.connect(dsn) as connection:
        with suppress(sqlite3.Error):
            try:
                await connection.execute(TAKE)
                await connection.execute(ORDER)
            finally:
                await connection.commit()
        await connection.execute("INSERT INTO lines (id, amount) VALUES (1, 0)")
        await connection.commit()
    return True


async def mailed_and_the_error_hidden(async_session_factory: Factory) -> bool:
    """Without the mail it says ok of an order that is not there."""
    async with async_session_factory() as session:
        session.add(Order(id=1, product_id=1))
        await session.flush()
        await mail(1)
        with suppress(Exception):
            await session.commit()
    return True


async def mailed_before_the_journal(async_session_factory: Factory) -> None:
    """The COMMIT that comes next is that of the journal, and the order may still fail."""
    async with async_session_factory() as session:
        await mail(1)
        session.add(Line(id=1, amount=0))
        await session.commit()
        session.add(Order(id=1, product_id=1))
        await session.commit()


async def mailed_in_each_attempt(dsn: str) -> None:
    """What is sent before COMMIT is sent once more by the second attempt."""
    for attempt in (1, 2):
        async with aiosqlite.connect(dsn) as connection:
            try:
                await mail(1)
                await connection.execute(ORDER)
                await connection.commit()
            except sqlite3.Error:
                if attempt == 2:
                    raise
            else:
                return


async def never_committed(async_engine: AsyncEngine) -> None:
    async with AsyncSession(async_engine) as session:
        (await session.get_one(Product, 1)).stock -= 1
        session.add(Order(id=1, product_id=1))
        await session.flush()


async def committed_at_last(async_engine: AsyncEngine) -> None:
    async with AsyncSession(async_engine) as session, session.begin():
        (await session.get_one(Product, 1)).stock -= 1
        session.add(Order(id=1, product_id=1))


async def never_committed_and_the_error_hidden(dsn: str) -> None:
    async with aiosqlite.connect(dsn) as connection:
        with suppress(sqlite3.Error):
            await connection.execute(TAKE)
            await connection.execute(ORDER)


async def half_committed(async_session_factory: Factory) -> None:
    async with async_session_factory() as session:
        (await session.get_one(Product, 1)).stock -= 1
        await session.commit()
        session.add(Order(id=1, product_id=1))
        await session.flush()
