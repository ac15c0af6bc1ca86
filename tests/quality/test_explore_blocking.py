"""Plain calls in coroutines block the event loop: callers in one loop cannot come between them, those in two workers can."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from acidity import prove
from acidity.prove import Operation, Scenario
from acidity.prove.explore.asleep import Asleep


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE acc (id INTEGER PRIMARY KEY, n INT NOT NULL)")


def fill(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO acc VALUES (1, 100)")


OPENED: dict[str, Callable[[Any], Any]] = {
    "sqlite": lambda dsn: sqlite3.connect(dsn),  # kept here itself, it would not be found
    "postgresql": lambda dsn: psycopg.connect(dsn),
    "mariadb": lambda dsn: pymysql.connect(**dsn),
}
on_each_engine = pytest.mark.parametrize("db", list(OPENED))


def opened(dsn: Any) -> Any:
    return OPENED["mariadb" if isinstance(dsn, dict) else "postgresql" if "host=" in dsn or "://" in dsn else "sqlite"](
        dsn
    )


async def blocks(dsn: Any) -> None:
    with closing(opened(dsn)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SELECT n FROM acc")
        (n,) = cursor.fetchone()
        cursor.execute(f"UPDATE acc SET n = {n - 10}")
        connection.commit()


async def awaits_in_between(dsn: Any) -> None:
    with closing(opened(dsn)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SELECT n FROM acc")
        (n,) = cursor.fetchone()
        await asyncio.sleep(0)
        cursor.execute(f"UPDATE acc SET n = {n - 10}")
        connection.commit()


async def awaited(async_session: AsyncSession) -> None:
    n = (await async_session.execute(text("SELECT n FROM acc"))).scalar_one()
    await async_session.execute(text("UPDATE acc SET n = :n"), {"n": n - 1})
    await async_session.commit()


def explored(*functions: Any, **options: Any) -> Any:
    return prove.explore(Scenario(*map(Operation, functions), schema=schema, setup=fill), **options)


@pytest.mark.dear
@on_each_engine
def test_in_one_loop_they_come_one_after_the_other(db: str) -> None:
    report = explored(blocks, db=db)
    assert (report.verdict, report.findings) == ("pass", ()), report
    assert "--actors processes is worth it" in report.headline
    assert "test_explore_blocking.py:" in report.headline
    assert "(a caller makes calls that block the event loop)" in " ".join(str(report).split())


@pytest.mark.dear
@on_each_engine
@pytest.mark.parametrize("function", [blocks, awaits_in_between])
def test_two_workers_do_not(db: str, function: Any) -> None:
    report = explored(function, db=db, actors="processes")
    assert [finding.anomaly for finding in report.findings] == ["lost update"], report


@pytest.mark.dear
@on_each_engine
def test_who_awaits_in_between_is_no_pass(db: str) -> None:
    report = explored(awaits_in_between, db=db)
    assert report.verdict == "unknown"
    assert "block the event loop, and awaits something in between" in report.unknowns[0]


@pytest.mark.dear
@on_each_engine
def test_they_come_between_calls_that_are_awaited(db: str) -> None:
    report = explored(blocks, awaited, db=db)
    assert [finding.anomaly for finding in report.findings] == ["lost update"], report


# A caller that waits for tasks of its own


async def through_a_task(async_session_factory: async_sessionmaker[AsyncSession]) -> None:
    """As an application does in a middleware: one task works, and the other one waits for it."""
    done = asyncio.Event()

    async def work() -> None:
        try:
            async with async_session_factory() as session:
                await session.execute(text("UPDATE acc SET n = n - 10 WHERE id = 1"))
                await session.commit()
        finally:
            done.set()

    task = asyncio.create_task(work())
    await done.wait()
    await task


@pytest.mark.dear
@pytest.mark.parametrize("db", ["postgresql+psycopg", "postgresql+asyncpg", "mariadb+aiomysql", "sqlite"])
def test_to_wait_for_a_task_of_ones_own_is_not_to_wait_for_another_caller(db: str) -> None:
    report = explored(through_a_task, db=db)
    assert (report.verdict, report.unknowns) == ("pass", ()), report
    assert "--actors processes" not in report.headline


def test_all_tasks_of_a_caller_have_to_wait() -> None:
    async def asked() -> tuple[bool, ...]:
        event, lock = asyncio.Event(), asyncio.Lock()
        await lock.acquire()
        waits = asyncio.create_task(event.wait())
        works = asyncio.create_task(asyncio.sleep(3600))
        locked = asyncio.create_task(lock.acquire())
        joins = asyncio.create_task(asyncio.wait_for(asyncio.shield(locked), 3600))
        await asyncio.sleep(0.01)
        found = (
            Asleep.tasks([waits]),
            Asleep.tasks([waits, works]),
            Asleep.tasks([waits, locked]),
            Asleep.tasks([works]),
        )
        for task in (waits, works, locked, joins):
            task.cancel()
        await asyncio.gather(waits, works, locked, joins, return_exceptions=True)
        return found

    assert asyncio.run(asked()) == (True, False, True, False)
