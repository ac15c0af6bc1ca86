"""Pools of psycopg: they have threads or tasks that work for nobody, and set up what they open (``configure=``)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool, NullConnectionPool
from sqlalchemy import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.prove import Operation, Scenario

POOLS: dict[tuple[object, ...], Any] = {}


class Base(DeclarativeBase):
    """Declarative base of one table."""


class Counter(Base):
    """A number that callers count up."""

    __tablename__ = "counters"

    id: Mapped[int] = mapped_column(primary_key=True)
    n: Mapped[int]


def seed(session: Session) -> None:
    session.execute(insert(Counter).values(id=1, n=5))


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Iterator[None]:
    yield
    for pool in POOLS.values():
        if isinstance(pool, ConnectionPool):
            with suppress(Exception):
                pool.close()
    POOLS.clear()


def configure(connection: Any) -> None:
    connection.execute("SET search_path TO public")
    connection.commit()


async def configure_async(connection: Any) -> None:
    await connection.execute("SET search_path TO public")
    await connection.commit()


def reads_settings(connection: Any) -> None:
    connection.execute("SELECT n FROM counters").fetchall()
    connection.commit()


def pool(dsn: str, kind: Callable[..., Any], **options: Any) -> Any:
    key = (dsn, os.getpid(), kind, *options)
    if key not in POOLS:
        POOLS[key] = kind(dsn, max_size=4, open=True, **options)
    return POOLS[key]


def one(dsn: str, lock: str) -> None:
    _counts(pool(dsn, ConnectionPool, min_size=1, configure=configure), lock)


def many(dsn: str, lock: str) -> None:
    _counts(pool(dsn, ConnectionPool, min_size=4, configure=configure), lock)


def null(dsn: str, lock: str) -> None:
    _counts(pool(dsn, NullConnectionPool, configure=configure), lock)


def checks(dsn: str, lock: str) -> None:
    _counts(pool(dsn, ConnectionPool, min_size=1, check=ConnectionPool.check_connection), lock)


def of_its_own(dsn: str, lock: str) -> None:
    with ConnectionPool(dsn, min_size=1, open=True, configure=configure) as own:
        _counts(own, lock)


async def awaits(dsn: str, lock: str) -> None:
    key = (dsn, "async")
    if key not in POOLS:
        POOLS[key] = AsyncConnectionPool(dsn, min_size=1, max_size=4, open=False, configure=configure_async)
        await POOLS[key].open()
    async with POOLS[key].connection() as connection:
        found = await (await connection.execute(f"SELECT n FROM counters WHERE id = 1 {lock}")).fetchone()
        await connection.execute("UPDATE counters SET n = %s WHERE id = 1", (found[0] + 1,))


def _counts(pool: Any, lock: str) -> None:
    with pool.connection() as connection:
        (n,) = connection.execute(f"SELECT n FROM counters WHERE id = 1 {lock}").fetchone()
        connection.execute("UPDATE counters SET n = %s WHERE id = 1", (n + 1,))


EVERY = [one, many, null, checks, of_its_own, awaits]


def scenario(function: Callable[..., Any], lock: str) -> Scenario:
    return Scenario(Operation(function, lock), metadata=Base.metadata, setup=seed)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("function", EVERY)
def test_a_lost_update_is_found_over_each(function: Callable[..., Any]) -> None:
    report = prove.explore(scenario(function, ""), db="postgresql")
    assert (report.verdict, report.unknowns) == ("fail", ()), str(report)
    assert [finding.code for finding in report.findings] == ["ACI301"], str(report)
    assert not any("search_path" in str(finding) for finding in report.findings)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("function", EVERY)
def test_who_locks_first_passes_over_each(function: Callable[..., Any]) -> None:
    report = prove.explore(scenario(function, "FOR UPDATE"), db="postgresql")
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)


@pytest.mark.slow
@pytest.mark.parametrize("function", [one, null, checks, of_its_own, awaits])
def test_every_letter_is_answered(function: Callable[..., Any]) -> None:
    letters = "ACI" if function is awaits else "ACID"  # killed under clients, its server is back only later
    card = prove.check(scenario(function, "FOR UPDATE"), db="postgresql", letters=letters)
    assert card.verdict == "pass", str(card)


def test_what_a_pool_reads_of_the_rows_is_not_left_out() -> None:
    """The program may go by it, and nobody knows which caller does."""

    def loads(dsn: str) -> None:
        _counts(pool(dsn, ConnectionPool, min_size=1, configure=reads_settings), "FOR UPDATE")

    report = prove.explore(Scenario(Operation(loads), metadata=Base.metadata, setup=seed), db="postgresql")
    assert report.verdict == "unknown", str(report)
    assert "a thread or task that belongs to no operation" in report.unknowns[0]
