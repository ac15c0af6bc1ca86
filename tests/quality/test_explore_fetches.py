"""Letter I: rows that stay with the server are locked when they are fetched, long after their Call was answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiomysql
import asyncpg
import psycopg
import psycopg2
import pymysql.cursors
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario
from acidity.prove.explore.own_level import watched
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage

UPDATE = "UPDATE accounts SET n = %s WHERE id = 1"


def query(lock: str) -> str:
    return f"SELECT n FROM accounts WHERE id = 1{lock}"


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE accounts (id INT PRIMARY KEY, n INT NOT NULL)")


def fill(session: Session) -> None:
    session.execute(text("INSERT INTO accounts VALUES (1, 100), (2, 200)"))


def by_psycopg(dsn: str, lock: str) -> None:
    with psycopg.connect(dsn) as connection:
        with connection.cursor(name="balances") as cursor:
            cursor.execute(query(lock))
            ((n,),) = cursor.fetchall()
        connection.execute(UPDATE, (n - 10,))


async def by_psycopg_async(dsn: str, lock: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        async with connection.cursor(name="balances") as cursor:
            await cursor.execute(query(lock))
            async for (n,) in cursor:
                balance = n
        await connection.execute(UPDATE, (balance - 10,))


def by_psycopg2(dsn: str, lock: str) -> None:
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor(name="balances") as cursor:
        cursor.execute(query(lock))
        (n,) = cursor.fetchone()
        with connection.cursor() as other:
            other.execute(UPDATE, (n - 10,))
    connection.close()


async def by_asyncpg(dsn: str, lock: str) -> None:
    connection = await asyncpg.connect(dsn)
    async with connection.transaction():
        async for (n,) in connection.cursor(query(lock)):
            balance = n
        await connection.execute("UPDATE accounts SET n = $1 WHERE id = 1", balance - 10)
    await connection.close()


def by_pymysql(dbapi_connection: Any, lock: str) -> None:
    with dbapi_connection.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute(query(lock))
        ((n,),) = cursor.fetchall()
        cursor.execute(UPDATE, (n - 10,))
    dbapi_connection.commit()


def only_reads(dbapi_connection: Any, lock: str) -> list[Any]:
    with dbapi_connection.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute(query(lock))
        found = list(cursor)
    dbapi_connection.commit()
    return found


def by_mysqlclient(dbapi_connection: Any, lock: str) -> None:
    from MySQLdb.cursors import SSCursor

    with dbapi_connection.cursor(SSCursor) as cursor:
        cursor.execute(query(lock))
        ((n,),) = cursor.fetchall()
    with dbapi_connection.cursor() as cursor:
        cursor.execute(UPDATE, (n - 10,))
    dbapi_connection.commit()


async def by_aiomysql(dsn: dict[str, Any], lock: str) -> None:
    connection = await aiomysql.connect(**dsn)
    async with connection.cursor(aiomysql.SSCursor) as cursor:
        await cursor.execute(query(lock))
        (n,) = await cursor.fetchone()
        await cursor.fetchall()
        await cursor.execute(UPDATE, (n - 10,))
    await connection.commit()
    connection.close()


def by_sqlalchemy(session: Session, lock: str) -> None:
    rows = session.execute(text(query(lock)), execution_options={"yield_per": 1})
    (n,) = next(iter(rows))
    rows.close()
    session.execute(text("UPDATE accounts SET n = :n WHERE id = 1"), {"n": n - 10})
    session.commit()


PROGRAMS = [
    (by_psycopg, "postgresql"),
    (by_psycopg_async, "postgresql"),
    (by_psycopg2, "postgresql+psycopg2"),
    (by_asyncpg, "postgresql+asyncpg"),
    (by_sqlalchemy, "postgresql"),
    (by_pymysql, "mariadb"),
    (by_aiomysql, "mariadb+aiomysql"),
    pytest.param(by_mysqlclient, "mariadb+mysqldb", marks=pytest.mark.mysqlclient),
    (by_sqlalchemy, "mariadb"),
]


@pytest.mark.dear
@pytest.mark.parametrize(("program", "db"), PROGRAMS)
@pytest.mark.parametrize(("lock", "verdict"), [("", "fail"), (" FOR UPDATE", "pass")], ids=["unlocked", "locked"])
def test_who_waits_while_it_fetches_is_known_to(program: Callable[..., Any], db: str, lock: str, verdict: str) -> None:
    report = prove.explore(Scenario(Operation(program, lock), schema=schema, setup=fill), db=db, run_timeout=20)
    assert (report.verdict, report.unknowns) == (verdict, ()), str(report)
    assert ("lost update" in str(report)) is (verdict == "fail")


@pytest.mark.dear
@pytest.mark.parametrize(("program", "db"), [*PROGRAMS, (only_reads, "mariadb")])
def test_a_question_in_the_middle_loses_no_row(program: Callable[..., Any], db: str) -> None:
    """As at which level it is, which is asked on its own connection, and of some drivers when all rows are there."""
    operation = Operation(program, "")
    with Stage(Scenario(operation, schema=schema, setup=fill), db, {}) as stage, quiet():
        seen = watched(stage, operation)
    assert not seen.ending.exception, seen.ending
    assert list(seen.seen) == ["REPEATABLE READ" if db.startswith("mariadb") else "READ COMMITTED"]
