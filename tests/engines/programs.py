"""One short program for several actors, written for every adapter and driver: read a row, write it, commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from acidity.engines.base import Sandbox

READ = "SELECT balance FROM accounts WHERE id = {}"
WRITE = "UPDATE accounts SET balance = 7 WHERE id = {}"


@dataclass(frozen=True)
class Way:
    """How a program reaches the database.

    Attributes:
        name: for the tests.
        db: the engine, with the driver where it is not the usual one.
        program: reads row `id`, writes it, commits; gives the rows that it read.
        awaits: it is a coroutine function.
        begins: it sends a BEGIN of its own first.
    """

    name: str
    db: str
    program: Callable[[Sandbox, int], Any]
    awaits: bool = False
    begins: bool = False

    def __str__(self) -> str:
        return self.name


def sqlalchemy(sandbox: Sandbox, row: int) -> list[Any]:
    with create_engine(sandbox.url(), poolclass=NullPool).connect() as connection:
        found = [tuple(each) for each in connection.execute(text(READ.format(row)))]
        connection.execute(text(WRITE.format(row)))
        connection.commit()
    return found


async def sqlalchemy_async(sandbox: Sandbox, row: int) -> list[Any]:
    from sqlalchemy.ext.asyncio import create_async_engine

    async with create_async_engine(sandbox.url(asynchronous=True), poolclass=NullPool).connect() as connection:
        found = [tuple(each) for each in await connection.execute(text(READ.format(row)))]
        await connection.execute(text(WRITE.format(row)))
        await connection.commit()
    return found


def of_pep_249(connect: Callable[[Any], Any]) -> Callable[[Sandbox, int], Any]:
    def plain(sandbox: Sandbox, row: int) -> list[Any]:
        with closing(connect(sandbox.dsn())) as connection:
            cursor = connection.cursor()
            cursor.execute(READ.format(row))
            found = [tuple(each) for each in cursor.fetchall()]
            cursor.execute(WRITE.format(row))
            connection.commit()
        return found

    return plain


async def aiosqlite(sandbox: Sandbox, row: int) -> list[Any]:
    async with import_module("aiosqlite").connect(sandbox.dsn()) as connection:
        cursor = await connection.execute(READ.format(row))
        found = [each async for each in cursor]
        await connection.execute(WRITE.format(row))
        await connection.commit()
    return found


async def psycopg_async(sandbox: Sandbox, row: int) -> list[Any]:
    connection = await import_module("psycopg").AsyncConnection.connect(sandbox.dsn())
    cursor = await connection.execute(READ.format(row))
    found = await cursor.fetchall()
    await connection.execute(WRITE.format(row))
    await connection.commit()
    await connection.close()
    return found


async def asyncpg(sandbox: Sandbox, row: int) -> list[Any]:
    connection = await import_module("asyncpg").connect(sandbox.dsn())
    await connection.execute("BEGIN")
    found = await connection.fetch(READ.format(row))
    await connection.execute(WRITE.format(row))
    await connection.execute("COMMIT")
    await connection.close()
    return [tuple(each) for each in found]


async def aiomysql(sandbox: Sandbox, row: int) -> list[Any]:
    connection = await import_module("aiomysql").connect(**sandbox.dsn(asynchronous=True))
    async with connection.cursor() as cursor:
        await cursor.execute(READ.format(row))
        found = list(await cursor.fetchall())
        await cursor.execute(WRITE.format(row))
        await connection.commit()
    connection.close()
    return found


WAYS = [
    Way("sqlalchemy+sqlite", "sqlite", sqlalchemy),
    Way("sqlalchemy+postgresql", "postgresql", sqlalchemy),
    Way("sqlalchemy+mariadb", "mariadb", sqlalchemy),
    Way("sqlalchemy+aiosqlite", "sqlite", sqlalchemy_async, awaits=True),
    Way("sqlalchemy+asyncpg", "postgresql+asyncpg", sqlalchemy_async, awaits=True),
    Way("sqlalchemy+aiomysql", "mariadb", sqlalchemy_async, awaits=True),
    Way("sqlite3", "sqlite", of_pep_249(lambda dsn: sqlite3.connect(dsn))),
    Way("psycopg", "postgresql", of_pep_249(lambda dsn: import_module("psycopg").connect(dsn))),
    Way("psycopg2", "postgresql", of_pep_249(lambda dsn: import_module("psycopg2").connect(dsn))),
    Way("pymysql", "mariadb", of_pep_249(lambda dsn: import_module("pymysql").connect(**dsn))),
    Way("aiosqlite", "sqlite", aiosqlite, awaits=True),
    Way("psycopg-async", "postgresql", psycopg_async, awaits=True),
    Way("asyncpg", "postgresql+asyncpg", asyncpg, awaits=True, begins=True),
    Way("aiomysql", "mariadb", aiomysql, awaits=True),
]
