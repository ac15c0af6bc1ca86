"""The product's own proof: killed and struck at every Call by the drill, and recovered."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from acidity import prove
from acidity.prove import Database, Scenario
from acidity.run import recover_two_phase, tables, two_phase
from tests.quality.two_databases import TAKE, Item, Orders, Stock, fill, order

PAIRS = [("postgresql", "postgresql"), ("mariadb", "mariadb"), ("postgresql", "mariadb")]


def orders_schema(connection: Connection) -> None:
    Orders.metadata.create_all(connection)
    tables.metadata.create_all(connection)
    connection.execute(insert(tables.coordinator).values(number=1, id="0123456789ab"))  # else the first run makes it


def checkout(databases: Any) -> None:
    @two_phase(**databases)
    def unit(sessions: Any) -> None:
        sessions["orders"].add(order())
        sessions["stock"].execute(TAKE)

    unit()


async def checkout_async(async_databases: Any) -> None:
    async with two_phase(**async_databases) as sessions:
        sessions["orders"].add(order())
        await sessions["stock"].execute(TAKE)


def recover(databases: Any) -> None:
    """A server takes a moment to see that a client is gone."""
    for _ in range(1000):
        if all(each.outcome != "in progress" for each in recover_two_phase(**databases)):
            return


def never_below_zero(sessions: Any) -> bool:
    return bool(sessions["stock"].scalar(select(Item.stock)) >= 0)


def shop(function: Any, orders: str, stock: str, recover: Any) -> Scenario:
    """Every state is committed on the way, so the rule is one that holds in each database by itself."""
    return Scenario(
        function,
        databases={
            "orders": Database(schema=orders_schema, db=orders),
            "stock": Database(metadata=Stock.metadata, setup=fill, db=stock),
        },
        commits="several",
        recover=recover,
        invariants=[never_below_zero],
    )


@pytest.mark.slow
@pytest.mark.parametrize("function", [checkout, checkout_async])
@pytest.mark.parametrize("where", PAIRS, ids="+".join)
def test_every_fault_at_every_call(function: Any, where: tuple[str, str]) -> None:
    prove.drill(shop(function, *where, recover), db=where[0]).raise_for_findings()


@pytest.mark.slow
def test_without_recovery_it_is_torn() -> None:
    report = prove.drill(shop(checkout, "postgresql", "postgresql", lambda databases: None), db="postgresql")
    assert report.verdict == "fail"
    assert any("killed" in str(found.title) for found in report.findings), str(report)
