"""Time limits of the program end its waiting, and not what the database does: a COMMIT whose answer comes too late."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from acidity import prove
from acidity.core.report import Report
from acidity.explained.programs.shop import SHOP, Item, Order
from acidity.prove import Operation, Scenario

Factory = async_sessionmaker[AsyncSession]
ON_SERVERS = ["postgresql+asyncpg", "postgresql+psycopg", "mariadb+aiomysql"]
on_each_driver = pytest.mark.parametrize(
    "db", ["sqlite", *(pytest.param(it, marks=pytest.mark.slow) for it in ON_SERVERS)]
)


async def sell(factory: Factory, number: int | None = None) -> None:
    async with factory() as session, session.begin():
        if number is not None and await session.get(Order, number):
            return
        await session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2))
        session.add(Order(id=number, item_id=1, pieces=2))


async def in_time(async_session_factory: Factory) -> None:
    async with asyncio.timeout(5):
        await sell(async_session_factory)


async def waited_for(async_session_factory: Factory) -> None:
    await asyncio.wait_for(sell(async_session_factory), 5)


async def fails_after(async_session_factory: Factory) -> None:
    import anyio

    with anyio.fail_after(5):
        await sell(async_session_factory)


async def a_caller_cancels(async_session_factory: Factory) -> None:
    """As a web server does when the client has gone."""
    task = asyncio.current_task()
    assert task is not None
    gone = asyncio.get_running_loop().call_later(5, task.cancel)
    await sell(async_session_factory)
    gone.cancel()


async def in_three_attempts(async_session_factory: Factory) -> None:
    for _ in range(3):
        try:
            return await in_time(async_session_factory)
        except TimeoutError:
            continue
    raise RuntimeError("three attempts")


async def in_three_attempts_of_tasks(async_session_factory: Factory) -> None:
    for _ in range(3):
        try:
            return await waited_for(async_session_factory)
        except TimeoutError:
            continue
    raise RuntimeError("three attempts")


async def once_in_three_attempts(async_session_factory: Factory) -> None:
    for _ in range(3):
        try:
            async with asyncio.timeout(5):
                return await sell(async_session_factory, number=7)
        except TimeoutError:
            continue
    raise RuntimeError("three attempts")


async def moves_on(async_session_factory: Factory) -> None:
    import anyio

    with anyio.move_on_after(5):
        await sell(async_session_factory)


async def says_no(async_session_factory: Factory) -> dict[str, bool]:
    try:
        async with asyncio.timeout(5):
            await sell(async_session_factory)
    except TimeoutError:
        return {"success": False}
    return {"success": True}


async def looks_away(async_session_factory: Factory) -> bool:
    """It goes on all the same."""
    task = asyncio.ensure_future(sell(async_session_factory))
    done, _ = await asyncio.wait({task}, timeout=5)
    return bool(done)


async def without_a_limit(async_session_factory: Factory) -> None:
    await sell(async_session_factory)


async def too_late_for_a_limit(async_session_factory: Factory) -> None:
    """The limit is for something else, and whoever sleeps has none."""
    async with asyncio.timeout(5):
        await asyncio.sleep(0)
    sleeper = asyncio.ensure_future(asyncio.sleep(5))
    await sell(async_session_factory)
    sleeper.cancel()


def drilled(function: Any, db: str, **options: Any) -> Report:
    scenario = Scenario(Operation(function, **options), **SHOP)
    return prove.drill(scenario, db=db, faults=["client-timeout"], remedies=False)


@on_each_driver
@pytest.mark.parametrize("function", [in_time, waited_for, fails_after, a_caller_cancels, once_in_three_attempts])
def test_who_is_out_of_time_is_left_in_doubt(db: str, function: Any) -> None:
    report = drilled(function, db)
    assert (report.verdict, report.findings) == ("pass", ()), report
    assert any("left the caller in doubt" in note for note in report.notes)


@on_each_driver
@pytest.mark.parametrize(
    ("function", "word"),
    [
        (in_three_attempts, "doubled"),
        (in_three_attempts_of_tasks, "doubled"),
        (moves_on, "false success"),
        (looks_away, "false failure"),
    ],
)
def test_who_takes_it_for_failed_or_for_done(db: str, function: Any, word: str) -> None:
    report = drilled(function, db)
    assert {found.word for found in report.findings if found.severity == "error"} == {word}, report


@on_each_driver
def test_an_answer_that_says_no_is_a_false_failure(db: str) -> None:
    report = drilled(says_no, db, succeeded=lambda answer: answer["success"])
    assert {found.word for found in report.findings} == {"false failure"}, report


async def with_a_limit_of_the_driver(dsn: str) -> None:
    await in_three_attempts_of_the_driver(dsn, command_timeout=5)


async def with_a_limit_of_the_statement(dsn: str) -> None:
    await in_three_attempts_of_the_driver(dsn, timeout=5)


async def in_three_attempts_of_the_driver(dsn: str, command_timeout: float | None = None, **limit: float) -> None:
    import asyncpg

    for _ in range(3):
        connection = await asyncpg.connect(dsn, command_timeout=command_timeout)
        try:
            return await connection.execute("UPDATE items SET stock = stock - 2", **limit)
        except TimeoutError:
            continue
        finally:
            await connection.close()
    raise RuntimeError("three attempts")


@pytest.mark.dear
@pytest.mark.parametrize("function", [with_a_limit_of_the_driver, with_a_limit_of_the_statement])
def test_asyncpg_has_limits_of_its_own(function: Any) -> None:
    report = drilled(function, "postgresql+asyncpg")
    assert {found.word for found in report.findings if found.severity == "error"} == {"doubled"}, report


@pytest.mark.dear
def test_asyncpg_has_them_below_sqlalchemy() -> None:
    scenario = Scenario(Operation(in_three_attempts_of_a_session), **SHOP)
    report = prove.drill(scenario, db="postgresql+asyncpg", faults=["client-timeout"], remedies=False)
    assert {found.word for found in report.findings if found.severity == "error"} == {"doubled"}, report


async def in_three_attempts_of_a_session(url: Any) -> None:
    for _ in range(3):
        engine = create_async_engine(url, connect_args={"command_timeout": 5})
        try:
            return await sell(async_sessionmaker(engine))
        except TimeoutError:
            continue
        finally:
            await engine.dispose()
    raise RuntimeError("three attempts")


@pytest.mark.parametrize("function", [without_a_limit, too_late_for_a_limit])
def test_without_a_limit_nothing_runs_out(function: Any) -> None:
    report = drilled(function, "sqlite")
    assert (report.verdict, report.runs) == ("unknown", 0)
    assert "none of the faults that were asked for fits a Call (client-timeout)" in str(report)


def test_the_clock_is_taken_off_after_each_run() -> None:
    late = []

    async def takes(async_session_factory: Factory) -> None:
        late.append(asyncio.get_running_loop().time() - time.monotonic())
        async with asyncio.timeout(300):
            await sell(async_session_factory)

    drilled(takes, "sqlite")
    assert len(late) > 5
    assert max(late) < 1
