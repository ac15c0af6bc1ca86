"""Money transfers written for bare drivers, right and broken, and a short drill that tells their words."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from acidity.adapters.seam import PassThrough
from acidity.prove.drill.examine import Examiner
from acidity.prove.drill.findings import Suspects
from acidity.prove.drill.striker import Strike, context_of
from acidity.prove.faults import FAULTS
from acidity.prove.runs import Runs
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.run import Run
from acidity.prove.stage.stage import Stage
from tests.engines.bank import bank

DEBIT = "UPDATE accounts SET balance = balance - 10 WHERE id = 1"
CREDIT = "UPDATE accounts SET balance = balance + 10 WHERE id = 2"
TELLING = ("error-before", "error-after", "connection-lost", "answer-lost", "kill-before", "kill-after")
Program = Callable[..., Any]


@dataclass(frozen=True)
class Raw:
    """A driver, and one transfer written for it in several ways; every one takes what its ``connect`` takes.

    Attributes:
        db: the engine, with the driver where it is not the usual one.
        module: what programs import.
        connect: how they connect.
        right: both writes in one commit.
        two_commits: a commit after each.
        autocommit: each committed by itself.
        swallowed: an error between the writes is swallowed, and what is there is committed.
        left: the second write is never committed; its connection is closed.
        given_up: an error closes the first connection, and a second one does it all.
    """

    db: str
    module: str
    connect: Callable[[Any], Any]
    right: Program
    two_commits: Program
    autocommit: Program
    swallowed: Program
    left: Program
    given_up: Program

    def __str__(self) -> str:
        return self.right.__name__.removeprefix("right_")


def run_raw(function: Program, db: str, **settings: str) -> Run:
    """One run without a fault."""
    with Stage(bank(function), db, settings) as stage:
        return stage.run(stage.scenario.operations[0], PassThrough())


def words(function: Program, db: str, faults: Sequence[str] = TELLING) -> set[str]:
    """What a drill with a few faults at every Call says."""
    with Stage(bank(function), db, {}) as stage:
        operation = stage.scenario.operations[0]
        context = context_of(stage, operation)
        calls = [event.call for event in stage.run(operation, PassThrough()).history]
        strikes = [
            Strike(FAULTS[name], call.index)
            for name in faults
            for call in calls
            if not FAULTS[name].misfit(call, context)
        ]
        examination = Examiner(Runs(stage), operation, Inspector(stage)).examine(strikes)
    assert not examination.unknowns, examination.unknowns
    assert examination.struck
    return {
        item.judgement.text
        for suspect in Suspects(examination.baseline, examination.judged).atomicity()
        for item in suspect.members
    }


def _named(name: str, **programs: Program) -> dict[str, Program]:
    for word, program in programs.items():
        program.__name__ = f"{word}_{name}"
    return programs


def plain(name: str, db: str, module: str, connect: Callable[[Any], Any], commit_each: Callable[[Any], Any]) -> Raw:
    """The programs for a driver that follows PEP 249."""

    def right(dsn: Any) -> None:
        with closing(connect(dsn)) as connection:
            cursor = connection.cursor()
            cursor.execute(DEBIT)
            cursor.execute(CREDIT)
            connection.commit()

    def two_commits(dsn: Any) -> None:
        with closing(connect(dsn)) as connection:
            for sql in (DEBIT, CREDIT):
                connection.cursor().execute(sql)
                connection.commit()

    def autocommit(dsn: Any) -> None:
        with closing(connect(dsn)) as connection:
            commit_each(connection)
            for sql in (DEBIT, CREDIT):
                connection.cursor().execute(sql)

    def swallowed(dsn: Any) -> None:
        with closing(connect(dsn)) as connection:
            with suppress(Exception):
                for sql in (DEBIT, CREDIT):
                    connection.cursor().execute(sql)
            connection.commit()

    def left(dsn: Any) -> None:
        with closing(connect(dsn)) as connection:
            connection.cursor().execute(DEBIT)
            connection.commit()
        with closing(connect(dsn)) as connection:
            connection.cursor().execute(CREDIT)  # <- lost

    def given_up(dsn: Any) -> None:
        with suppress(LookupError), closing(connect(dsn)) as connection:
            connection.cursor().execute(CREDIT)
            raise LookupError
        right(dsn)

    programs = _named(name, right=right, two_commits=two_commits, autocommit=autocommit, swallowed=swallowed)
    programs |= _named(name, left=left, given_up=given_up)
    return Raw(db, module, connect, **programs)


@dataclass(frozen=True)
class Awaiting:
    """What differs between drivers that await."""

    connect: Callable[[Any], Awaitable[Any]]
    execute: Callable[[Any, str], Awaitable[Any]]
    begin: Callable[[Any], Awaitable[Any]]
    commit: Callable[[Any], Awaitable[Any]]
    commit_each: Callable[[Any], Awaitable[Any]]
    close: Callable[[Any], Awaitable[Any]]


def closing_async(do: Awaiting, right: Program) -> dict[str, Program]:
    """Those that close a connection without a COMMIT."""

    async def left(dsn: Any) -> None:
        for sql in (DEBIT, CREDIT):
            connection = await do.connect(dsn)
            await do.begin(connection)
            await do.execute(connection, sql)  # <- lost
            if sql is DEBIT:
                await do.commit(connection)
            await do.close(connection)

    async def given_up(dsn: Any) -> None:
        connection = await do.connect(dsn)
        try:
            try:
                await do.begin(connection)
                await do.execute(connection, CREDIT)
                raise LookupError
            finally:
                await do.close(connection)
        except LookupError:
            await right(dsn)

    return {"left": left, "given_up": given_up}


def awaiting(name: str, db: str, module: str, do: Awaiting) -> Raw:
    """The programs for a driver that awaits."""

    async def right(dsn: Any) -> None:
        connection = await do.connect(dsn)
        try:
            await do.begin(connection)
            await do.execute(connection, DEBIT)
            await do.execute(connection, CREDIT)
            await do.commit(connection)
        finally:
            await do.close(connection)

    async def two_commits(dsn: Any) -> None:
        connection = await do.connect(dsn)
        try:
            for sql in (DEBIT, CREDIT):
                await do.begin(connection)
                await do.execute(connection, sql)
                await do.commit(connection)
        finally:
            await do.close(connection)

    async def autocommit(dsn: Any) -> None:
        connection = await do.connect(dsn)
        try:
            await do.commit_each(connection)
            for sql in (DEBIT, CREDIT):
                await do.execute(connection, sql)
        finally:
            await do.close(connection)

    async def swallowed(dsn: Any) -> None:
        connection = await do.connect(dsn)
        try:
            await do.begin(connection)
            with suppress(Exception):
                for sql in (DEBIT, CREDIT):
                    await do.execute(connection, sql)
            await do.commit(connection)
        finally:
            await do.close(connection)

    programs = _named(name, right=right, two_commits=two_commits, autocommit=autocommit, swallowed=swallowed)
    programs |= _named(name, **closing_async(do, right))
    return Raw(db, module, do.connect, **programs)


async def nothing(_: Any) -> None:
    """The driver begins a transaction by itself, or needs none."""


async def aiosqlite_commits_each(connection: Any) -> None:
    await connection._execute(setattr, connection._conn, "isolation_level", None)


async def aiomysql_executes(connection: Any, sql: str) -> None:
    async with connection.cursor() as cursor:
        await cursor.execute(sql)


async def closed_at_once(connection: Any) -> None:
    connection.close()


def _driver(name: str) -> Any:
    return import_module(name)


AIOSQLITE = Awaiting(
    lambda dsn: _driver("aiosqlite").connect(dsn),
    lambda connection, sql: connection.execute(sql),
    nothing,
    lambda connection: connection.commit(),
    aiosqlite_commits_each,
    lambda connection: connection.close(),
)
PSYCOPG = Awaiting(
    lambda dsn: _driver("psycopg").AsyncConnection.connect(dsn),
    lambda connection, sql: connection.execute(sql),
    nothing,
    lambda connection: connection.commit(),
    lambda connection: connection.set_autocommit(True),
    lambda connection: connection.close(),
)
ASYNCPG = Awaiting(
    lambda dsn: _driver("asyncpg").connect(dsn),
    lambda connection, sql: connection.execute(sql),
    lambda connection: connection.execute("BEGIN"),
    lambda connection: connection.execute("COMMIT"),
    nothing,
    lambda connection: connection.close(),
)
AIOMYSQL = Awaiting(
    lambda dsn: _driver("aiomysql").connect(**dsn),
    aiomysql_executes,
    nothing,
    lambda connection: connection.commit(),
    lambda connection: connection.autocommit(True),
    closed_at_once,
)
DRIVERS = [
    plain(
        "sqlite3", "sqlite", "sqlite3", lambda dsn: sqlite3.connect(dsn), lambda c: setattr(c, "isolation_level", None)
    ),
    plain(
        "psycopg",
        "postgresql",
        "psycopg",
        lambda dsn: _driver("psycopg").connect(dsn),
        lambda c: setattr(c, "autocommit", True),
    ),
    plain(
        "psycopg2",
        "postgresql+psycopg2",
        "psycopg2",
        lambda dsn: _driver("psycopg2").connect(dsn),
        lambda c: c.set_session(autocommit=True),
    ),
    plain("pymysql", "mariadb", "pymysql", lambda dsn: _driver("pymysql").connect(**dsn), lambda c: c.autocommit(True)),
    plain(
        "mysqlclient",
        "mariadb+mysqldb",
        "MySQLdb",
        lambda dsn: _driver("MySQLdb").connect(**dsn),
        lambda c: c.autocommit(True),
    ),
    awaiting("aiosqlite", "sqlite", "aiosqlite", AIOSQLITE),
    awaiting("psycopg_async", "postgresql", "psycopg", PSYCOPG),
    awaiting("asyncpg", "postgresql+asyncpg", "asyncpg", ASYNCPG),
    awaiting("aiomysql", "mariadb", "aiomysql", AIOMYSQL),
]
