"""Who calls an operation may cancel its task, and no other: what that does to tasks of its own is the operation's doing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from acidity import prove
from acidity.core.report import Report
from acidity.explained.programs.shop import SHOP, Item, Order
from acidity.prove import Operation, Scenario

Factory = async_sessionmaker[AsyncSession]


async def sell(factory: Factory) -> None:
    async with factory() as session, session.begin():
        await session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2))
        session.add(Order(item_id=1, pieces=2))


async def in_a_group(async_session_factory: Factory) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(sell(async_session_factory))


async def gathered(async_session_factory: Factory) -> None:
    """Whoever cancels the sale alone is not heard: nobody can."""
    for answer in await asyncio.gather(sell(async_session_factory), return_exceptions=True):
        if isinstance(answer, Exception):
            raise answer


async def in_a_shield(async_session_factory: Factory) -> None:
    await asyncio.shield(asyncio.ensure_future(sell(async_session_factory)))


async def swallows(async_session_factory: Factory) -> None:
    task = asyncio.ensure_future(sell(async_session_factory))
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        return
    task.result()


LEFT: set[asyncio.Task[None]] = set()


async def ordered(factory: Factory, *, awaits: bool) -> None:
    """The sale is a task that comes to the database when the operation has returned, or is waited for."""

    task = asyncio.create_task(sell(factory))
    LEFT.add(task)
    task.add_done_callback(LEFT.discard)
    if awaits:
        await task


async def in_the_background(async_session_factory: Factory) -> None:
    await ordered(async_session_factory, awaits=False)


async def in_the_foreground(async_session_factory: Factory) -> None:
    await ordered(async_session_factory, awaits=True)


def drilled(function: Any, db: str) -> Report:
    return prove.drill(Scenario(Operation(function), **SHOP), db=db, faults=("cancelled",), remedies=False)


on_each_driver = pytest.mark.parametrize(
    "db",
    [
        "sqlite",
        pytest.param("postgresql+asyncpg", marks=pytest.mark.slow),
        pytest.param("postgresql+psycopg", marks=pytest.mark.slow),
        pytest.param("mariadb+aiomysql", marks=pytest.mark.slow),
    ],
)


@on_each_driver
@pytest.mark.parametrize("function", [in_a_group, gathered])
def test_tasks_that_are_cancelled_with_it_are_its_own(db: str, function: Any) -> None:
    report = drilled(function, db)
    assert (report.verdict, report.findings) == ("pass", ()), report


@on_each_driver
def test_who_is_cancelled_while_it_goes_on_is_left_in_doubt(db: str) -> None:
    report = drilled(in_a_shield, db)
    assert (report.verdict, report.findings) == ("pass", ()), report
    assert any("left the caller in doubt" in note for note in report.notes)


@on_each_driver
def test_a_cancellation_that_is_hidden_is_a_false_success(db: str) -> None:
    report = drilled(swallows, db)
    assert {finding.word for finding in report.findings if finding.severity == "error"} == {"false success"}, report


@on_each_driver
def test_what_is_left_behind_is_cancelled_alone(db: str) -> None:
    """No task of the operation is there any more: what is cancelled must not be one of acidity's own."""
    report = drilled(in_the_background, db)
    assert {finding.word for finding in report.findings} == {"false success"}, report
    assert drilled(in_the_foreground, db).verdict == "pass"
