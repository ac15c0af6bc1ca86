"""Methods of drivers by which a program changes rows, or loses what it has changed, without a statement of its own."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import Any

import aiomysql
import asyncpg
import psycopg
import pymysql
import pytest

from acidity.prove import Operation, Scenario
from tests.engines.bank import bank
from tests.engines.raw import CREDIT, DEBIT
from tests.run.drilling import drilled, passes, words

COLUMNS = ("id", "account_id", "amount", "note")


def scenario(function: Any) -> Scenario:
    return bank(Operation(function, inject="dsn"))


async def copies(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute(DEBIT)
            await connection.copy_records_to_table("payments", records=[(9, 1, 10, "")], columns=COLUMNS)
    finally:
        await connection.close()


async def copies_and_hides_errors(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute(DEBIT)
            with suppress(asyncpg.PostgresError):
                await connection.copy_records_to_table("payments", records=[(9, 1, 10, "")], columns=COLUMNS)
    finally:
        await connection.close()


@pytest.mark.dear
def test_records_copied_by_asyncpg() -> None:
    assert words(scenario(copies_and_hides_errors), "postgresql+asyncpg", "error-before") == {"false success"}
    passes(scenario(copies), "postgresql+asyncpg", "error-before", "error-after", "connection-lost")


def sends(connection: Any, *statements: str) -> None:
    with connection.cursor() as cursor:
        for each in statements:
            cursor.execute(each)


def connects_again_before(dsn: dict[str, Any]) -> None:
    connection = pymysql.connect(**dsn)
    connection.close()
    connection.connect()
    sends(connection, DEBIT, CREDIT)
    connection.commit()
    connection.close()


def connects_again_amid(dsn: dict[str, Any]) -> None:
    connection = pymysql.connect(**dsn)
    for each in (DEBIT, CREDIT):
        try:
            sends(connection, each)
        except pymysql.Error:
            connection.connect()
            sends(connection, each)
    connection.commit()
    connection.close()


@pytest.mark.dear
def test_a_connection_of_pymysql_that_connects_again() -> None:
    assert words(scenario(connects_again_amid), "mariadb", "connection-lost") == {"torn"}
    passes(scenario(connects_again_before), "mariadb", "error-before", "connection-lost", "answer-lost")


def pings_amid(dsn: dict[str, Any]) -> None:
    connection = pymysql.connect(**dsn)
    sends(connection, DEBIT)
    connection.ping(reconnect=True)
    sends(connection, CREDIT)
    connection.commit()
    connection.close()


def pings_before(dsn: dict[str, Any]) -> None:
    connection = pymysql.connect(**dsn)
    connection.ping(reconnect=True)
    sends(connection, DEBIT, CREDIT)
    connection.commit()
    connection.close()


def pings_amid_to_hear(dsn: dict[str, Any]) -> None:
    connection = pymysql.connect(**dsn)
    sends(connection, DEBIT)
    connection.ping(reconnect=False)
    sends(connection, CREDIT)
    connection.commit()
    connection.close()


def pings_a_closed_one(dsn: dict[str, Any]) -> None:
    connection = pymysql.connect(**dsn)
    connection.close()
    pings_before(dsn)
    connection.ping(reconnect=True)
    connection.close()


async def pings_async(dsn: dict[str, Any], *, before: bool) -> None:
    connection = await aiomysql.connect(**dsn)
    async with connection.cursor() as cursor:
        if before:
            await connection.ping()
        await cursor.execute(DEBIT)
        if not before:
            await connection.ping()
        await cursor.execute(CREDIT)
    await connection.commit()
    connection.close()


FOR_PINGS = ("error-before", "connection-lost", "memory-error", "answer-lost", "kill-before")


@pytest.mark.dear
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (Operation(pings_amid, inject="dsn"), Operation(pings_before, inject="dsn")),
        (Operation(pings_async, before=False, inject="dsn"), Operation(pings_async, before=True, inject="dsn")),
    ],
    ids=["pymysql", "aiomysql"],
)
def test_a_ping_that_connects_again(wrong: Operation, right: Operation) -> None:
    report = drilled(bank(wrong), "mariadb", "connection-lost")
    assert [found.word for found in report.findings] == ["torn"]
    assert "(PING)" in str(report)
    passes(bank(right), "mariadb", *FOR_PINGS)


@pytest.mark.dear
@pytest.mark.parametrize("right", [pings_amid_to_hear, pings_a_closed_one])
def test_other_pings_lose_nothing(right: Any) -> None:
    passes(scenario(right), "mariadb", *FOR_PINGS)


def opens_another(dsn: dict[str, Any]) -> None:
    import MySQLdb

    connection = MySQLdb.connect(**dsn)
    sends(connection, DEBIT)
    try:
        connection.ping()
    except MySQLdb.Error:
        connection = MySQLdb.connect(**dsn)
    sends(connection, CREDIT)
    connection.commit()
    connection.close()


@pytest.mark.mysqlclient
def test_a_ping_that_hears_of_a_lost_connection() -> None:
    assert words(scenario(opens_another), "mariadb+mysqldb", "connection-lost") == {"torn"}


PAYS = "INSERT INTO payments VALUES (8, 1, 5, ''), (9, 1, 5, '') RETURNING id"


def streams(dsn: str, *, hides: bool) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(DEBIT)
        with suppress(psycopg.OperationalError) if hides else nullcontext():
            list(connection.cursor().stream(PAYS))


async def streams_async(dsn: str, *, hides: bool) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute(DEBIT)
        with suppress(psycopg.OperationalError) if hides else nullcontext():
            [_ async for _ in connection.cursor().stream(PAYS)]


@pytest.mark.dear
@pytest.mark.parametrize("function", [streams, streams_async])
def test_an_error_at_a_stream_of_psycopg_lets_its_connection_go(function: Any) -> None:
    faults = ("error-before", "error-after", "connection-lost")
    passes(bank(Operation(function, hides=False, inject="dsn", timeout=10)), "postgresql", *faults)
    wrong = bank(Operation(function, hides=True, inject="dsn", timeout=10))
    assert words(wrong, "postgresql", *faults) == {"false success"}
