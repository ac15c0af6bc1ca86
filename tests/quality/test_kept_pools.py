"""A pool that the program keeps, and what is said where something that it keeps does not get over a fault."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
from collections.abc import Iterator
from typing import Any

import aiosqlite
import asyncpg
import pytest

from acidity import prove
from acidity.prove import Operation, Scenario

POOLS: dict[str, asyncpg.Pool] = {}
FEW = ["error-before", "connection-lost", "kill-before", "kill-after"]


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Iterator[None]:
    """Nor is anything left unclosed, of which Python would warn."""
    yield
    POOLS.clear()
    gc.collect()


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE acc (id INT PRIMARY KEY, n INT NOT NULL)")


def fill(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO acc VALUES (1, 100), (2, 100)")


async def pool(dsn: str, size: int) -> asyncpg.Pool:
    if dsn not in POOLS:
        POOLS[dsn] = await asyncpg.create_pool(dsn, min_size=1, max_size=size)
    return POOLS[dsn]


async def right(dsn: str, size: int) -> None:
    async with (await pool(dsn, size)).acquire() as connection, connection.transaction():
        await connection.execute("UPDATE acc SET n = n - 10 WHERE id = 1")
        await connection.execute("UPDATE acc SET n = n + 10 WHERE id = 2")


async def torn(dsn: str, size: int) -> None:
    await (await pool(dsn, size)).execute("UPDATE acc SET n = n - 10 WHERE id = 1")
    await (await pool(dsn, size)).execute("UPDATE acc SET n = n + 10 WHERE id = 2")


@pytest.mark.parametrize("size", [1, 4])
def test_a_pool_is_used_from_run_to_run_and_in_processes_that_are_killed(size: int) -> None:
    scenario = Scenario(Operation(right, size), schema=schema, setup=fill)
    report = prove.drill(scenario, db="postgresql+asyncpg", faults=FEW)
    assert (report.verdict, report.unknowns) == ("pass", ()), report


def test_what_it_tears_is_seen() -> None:
    report = prove.drill(Scenario(Operation(torn, 4), schema=schema, setup=fill), db="postgresql+asyncpg", faults=FEW)
    assert report.verdict == "fail", report
    assert not report.unknowns


@pytest.mark.dear
@pytest.mark.parametrize("letter", ["I", "D"])
def test_every_letter_is_answered(letter: str) -> None:
    scenario = Scenario(Operation(right, 4), schema=schema, setup=fill)
    report = prove.check(scenario, db="postgresql+asyncpg", letters=letter)
    assert report.verdict == "pass", report


async def sets_up(connection: asyncpg.Connection) -> None:
    """It asks the catalogue for the type, and sets the session."""
    await connection.set_type_codec("json", encoder=str, decoder=str, schema="pg_catalog")
    await connection.execute("SET search_path TO public")


async def in_a_pool(dsn: str, lock: str) -> None:
    if dsn not in POOLS:
        POOLS[dsn] = await asyncpg.create_pool(dsn, min_size=1, max_size=4, init=sets_up)
    async with POOLS[dsn].acquire() as connection, connection.transaction():
        n = await connection.fetchval(f"SELECT n FROM acc WHERE id = 1 {lock}")
        await connection.execute("UPDATE acc SET n = $1 WHERE id = 1", n - 10)


@pytest.mark.parametrize(("lock", "verdict"), [("", "fail"), ("FOR UPDATE", "pass")])
def test_what_sets_a_connection_up_is_no_call(lock: str, verdict: str) -> None:
    """Which caller it is opened for is chance: it would be a call of one in this run, and of another one in that."""
    report = prove.explore(
        Scenario(Operation(in_a_pool, lock), schema=schema, setup=fill), db="postgresql+asyncpg", runs_max=60
    )
    assert report.verdict == verdict, str(report)
    assert "search_path" not in str(report)


BROKEN: list[str] = []


def breaks_down_for_good(dsn: str) -> None:
    """Something outlives the call, and a failure of the second write breaks it."""
    if BROKEN:
        raise RuntimeError(f"I was broken {BROKEN[0]}")
    connection = sqlite3.connect(dsn)
    try:
        connection.execute("UPDATE acc SET n = n - 10 WHERE id = 1")
        try:
            connection.execute("UPDATE acc SET n = n + 10 WHERE id = 2")
        except sqlite3.Error:
            BROKEN.append("by a fault, " + "and this is a long story " * 10 + "of one variable")
            raise
        connection.commit()
    finally:
        connection.close()


def test_what_does_not_recover_is_named_with_the_fault_that_broke_it() -> None:
    BROKEN.clear()
    report = prove.drill(Scenario(Operation(breaks_down_for_good), schema=schema, setup=fill), faults=["error-before"])
    BROKEN.clear()
    assert report.verdict == "unknown", report
    spoiled, missed = report.unknowns
    assert spoiled.startswith(
        "after ac1:A2!error-before breaks_down_for_good fails by itself (RuntimeError: I was broken"
    )
    assert "of one variable in a clean run)" in spoiled
    assert "ac1:A2!error-before* did not reach its Call: it raised RuntimeError" in missed
    assert report.runs > 1, "what was seen before is judged"


def owned(dsn: str, owner: list[int]) -> None:
    """Refuses to work in another process than the one that it began in."""
    if owner and owner[0] != os.getpid():
        raise RuntimeError("this is another process")
    owner[:] = [os.getpid()]
    with sqlite3.connect(dsn) as connection:
        connection.execute("UPDATE acc SET n = n - 10 WHERE id = 1")
        connection.execute("UPDATE acc SET n = n + 10 WHERE id = 2")


def test_who_cannot_be_killed_in_another_process_is_told_why() -> None:
    report = prove.drill(Scenario(Operation(owned, []), schema=schema, setup=fill), faults=["kill-before"])
    assert report.verdict == "unknown"
    (said,) = report.unknowns
    assert "in the process that was to be killed it raised RuntimeError: this is another process" in said
    assert "where os.getpid() is another" in said


async def closes_twice(dsn: str) -> None:
    connection = await aiosqlite.connect(dsn)
    try:
        await connection.execute("UPDATE acc SET n = n - 10 WHERE id = 1")
        await connection.execute("UPDATE acc SET n = n + 10 WHERE id = 2")
        await connection.commit()
    finally:
        await asyncio.gather(connection.close(), connection.close())


def test_two_who_close_a_connection_at_once_both_come_to_an_end() -> None:
    """So it is where acidity closes what a task that was cancelled is still closing."""
    scenario = Scenario(Operation(closes_twice, timeout=5), schema=schema, setup=fill)
    assert prove.drill(scenario, faults=["error-before"]).verdict == "pass"
