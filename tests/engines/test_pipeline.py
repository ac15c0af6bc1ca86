"""psycopg's pipeline mode: a program that asks for it is told that nothing can be struck in it; `executemany` has its own."""

from __future__ import annotations

from typing import Any

import psycopg

from acidity import prove
from acidity.prove import Operation, Scenario

FEW = ["error-before", "connection-lost"]


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE acc (id INT PRIMARY KEY, n INT NOT NULL)")


def fill(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO acc VALUES (1, 100), (2, 100)")


def in_a_pipeline(dsn: str) -> None:
    with psycopg.connect(dsn) as connection, connection.pipeline():
        connection.execute("UPDATE acc SET n = n - 10 WHERE id = 1")
        connection.execute("UPDATE acc SET n = n + 10 WHERE id = 2")


async def in_a_pipeline_of_coroutines(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as connection, connection.pipeline():
        await connection.execute("UPDATE acc SET n = n - 10 WHERE id = 1")
        await connection.execute("UPDATE acc SET n = n + 10 WHERE id = 2")


def many(dsn: str) -> None:
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.executemany("UPDATE acc SET n = n + %s WHERE id = %s", [(-10, 1), (10, 2)])


def verdict(function: Any) -> tuple[str, list[str]]:
    report = prove.drill(Scenario(Operation(function), schema=schema, setup=fill), db="postgresql", faults=FEW)
    return report.verdict, ["pipeline mode" in why for why in report.unknowns]


def test_it_is_unknown_at_once_and_says_why() -> None:
    assert verdict(in_a_pipeline) == ("unknown", [True])
    assert verdict(in_a_pipeline_of_coroutines) == ("unknown", [True])


def test_the_one_of_executemany_is_not_the_programs() -> None:
    assert verdict(many) == ("pass", [])
