"""Methods of drivers by which a program changes rows, or loses what it has changed, without a statement of its own."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import asyncpg
import pymysql
import pytest

from acidity.prove import Operation, Scenario
from tests.engines.bank import bank
from tests.engines.raw import CREDIT, DEBIT
from tests.run.drilling import passes, words

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
