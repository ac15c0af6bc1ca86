"""Killed, cut off or refused at every Call, in plain and async code; then recovered: all databases have it, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy.engine import Connection, Engine

from acidity.prove import Database, Scenario
from acidity.run import recover_two_phase, tables, two_phase
from acidity.run.twophase.decision import identity_of
from acidity.run.twophase.prepared import finish, prepared_in
from tests.quality import two_databases as shops
from tests.quality.two_databases import TAKE, order
from tests.run.drilling import passes, words
from tests.run.twophase.conftest import PAIRS
from tests.tiers import mostly_slow

Engines = Mapping[str, Engine]
AsyncEngines = Mapping[str, Any]
SERVERS, FILE_FIRST = ("postgresql", "mariadb"), ("sqlite", "postgresql")
ASYNC = [
    (first, second)
    for first in ("mariadb", "sqlite", "postgresql+asyncpg")
    for second in ("mariadb", "postgresql+asyncpg")
]
LOG = ["orders.acidity_decision.*", "orders.acidity_coordinator.*"]


def tables_of_orders(connection: Connection) -> None:
    shops.Orders.metadata.create_all(connection)
    tables.metadata.create_all(connection)


def change(sessions: Any) -> None:
    sessions["orders"].add(order())
    sessions["stock"].execute(TAKE)


def checkout(databases: Engines) -> None:
    with two_phase(**databases) as sessions:
        change(sessions)


def retried(databases: Engines) -> None:
    two_phase(**databases, max_attempts=3)(change)()


async def checkout_async(async_databases: AsyncEngines) -> None:
    async with two_phase(**async_databases) as sessions:
        sessions["orders"].add(order())
        await sessions["stock"].execute(TAKE)


def recover(databases: Engines) -> None:
    assert all(each.outcome != "in progress" for each in recover_two_phase(**databases))


async def recover_async(async_databases: AsyncEngines) -> None:
    assert all(each.outcome != "in progress" for each in await recover_two_phase(**async_databases))


def scenario(function: Any, recovery: Any, where: tuple[str, str]) -> Scenario:
    databases = {
        "orders": Database(schema=tables_of_orders, db=where[0]),
        "stock": Database(metadata=shops.Stock.metadata, setup=shops.fill, db=where[1]),
    }
    invariants = [shops.nothing_is_lost]
    return Scenario(function, databases=databases, recover=recovery, invariants=invariants, ignore=LOG)


@pytest.mark.dear
@pytest.mark.parametrize("where", mostly_slow(SERVERS, of=PAIRS), ids="+".join)
def test_killed_at_every_call(where: tuple[str, str]) -> None:
    assert passes(scenario(checkout, recover, where), where[0], "kill-before").runs >= 14


@pytest.mark.parametrize("where", mostly_slow(of=PAIRS), ids="+".join)
def test_the_answer_to_each_commit_is_lost(where: tuple[str, str]) -> None:
    assert passes(scenario(checkout, recover, where), where[0], "answer-lost").runs >= 3


@pytest.mark.slow
@pytest.mark.parametrize("where", ASYNC, ids="+".join)
def test_async_the_answer_to_each_commit_is_lost(where: tuple[str, str]) -> None:
    assert passes(scenario(checkout_async, recover_async, where), where[0], "answer-lost").runs >= 3


@pytest.mark.slow
@pytest.mark.parametrize("function", [checkout, retried], ids=["once", "retried"])
@pytest.mark.parametrize("where", [*PAIRS, ("postgresql+psycopg2", "postgresql+psycopg2")], ids="+".join)
def test_every_fault(function: Any, where: tuple[str, str]) -> None:
    passes(scenario(function, recover, where), where[0])


@pytest.mark.slow
@pytest.mark.parametrize("where", ASYNC, ids="+".join)
def test_async_every_fault(where: tuple[str, str]) -> None:
    passes(scenario(checkout_async, recover_async, where), where[0])


# What is not right


def does_nothing(databases: Engines) -> None:
    """The process is restarted, and nobody asks what it had prepared."""
    with databases["stock"].connect() as connection:
        prepared_in(connection)


def commits_all(databases: Engines) -> None:
    ends_all(databases, commit=True)


def rolls_all_back(databases: Engines) -> None:
    ends_all(databases, commit=False)


def ends_all(databases: Engines, *, commit: bool) -> None:
    """The log is not read."""
    with databases["stock"].connect() as connection:
        found = prepared_in(connection)
        connection.rollback()
    for gid in found:
        if gid.coordinator == identity_of(databases["orders"]):
            finish(databases["stock"], gid, commit=commit)


TWINS = {
    "does nothing": (checkout, does_nothing, {"torn", "left in doubt"}),
    "commits all": (checkout, commits_all, {"torn"}),
    "rolls all back": (checkout, rolls_all_back, {"torn"}),
    "commit and commit": (shops.commit_each, recover, {"torn"}),
}
CELLS = [(twin, where) for twin in TWINS for where in PAIRS]
QUICK = [("does nothing", FILE_FIRST)]


@pytest.mark.dear
@pytest.mark.parametrize("cell", mostly_slow(*QUICK, of=CELLS), ids=lambda cell: f"{cell[0]}-{'+'.join(cell[1])}")
def test_what_is_half_done_is_found_out(cell: tuple[str, tuple[str, str]]) -> None:
    twin, where = cell
    function, recovery, said = TWINS[twin]
    assert words(scenario(function, recovery, where), where[0], "kill-before") >= said
