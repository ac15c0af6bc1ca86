"""A report names the driver that the operation has asked, not the one that a URL would name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.explained.programs.shop import SHOP, Item
from acidity.prove import Operation, Scenario


def sell(session: Session) -> None:
    session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2))
    session.commit()


async def sell_async(session: AsyncSession) -> None:
    await session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2))
    await session.commit()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "db", "driver"),
    [
        (sell, "postgresql", "psycopg"),
        (sell, "postgresql+psycopg2", "psycopg2"),
        (sell_async, "postgresql", "psycopg"),
        (sell_async, "postgresql+asyncpg", "asyncpg"),
        (sell, "mariadb", "pymysql"),
        (sell_async, "mariadb", "aiomysql"),
    ],
)
def test_the_driver_that_ran_is_named(function: Callable[..., Any], db: str, driver: str) -> None:
    scenario = Scenario(Operation(function), **SHOP)
    assert prove.drill(scenario, db=db, faults=["error-before"], remedies=False).engine.driver == driver
    assert prove.explore(scenario, db=db).engine.driver == driver


@pytest.mark.slow
def test_each_of_two_is_named() -> None:
    scenario = Scenario(Operation(sell), Operation(sell_async), **SHOP)
    named = prove.explore(scenario, db="postgresql+asyncpg").engine.driver
    assert sorted(named.split(" and ")) == ["asyncpg", "psycopg"]
