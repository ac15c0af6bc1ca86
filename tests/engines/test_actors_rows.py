"""An actor whose rows are kept gets exactly what it gets otherwise, however it fetches."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from acidity.adapters.seam import Actor
from acidity.core.call import Event, Kind
from acidity.engines.base import Sandbox
from tests.engines.actors import Ground, Script, gated
from tests.engines.bank import ALICE, Account, Payment

ALL = "SELECT id, balance FROM accounts ORDER BY id"
ROWS = [(1, 100), (2, 0), (3, 3)]
Answers = list[Any]


def orm(sandbox: Sandbox) -> Answers:
    with Session(create_engine(sandbox.url(), poolclass=NullPool)) as session:
        found: Answers = [account.balance for account in session.scalars(select(Account).order_by(Account.id))]
        found += [session.execute(text(ALL)).first(), session.execute(text(ALL)).fetchmany(2)]
        found += [list(part) for part in session.execute(text(ALL)).partitions(2)]
        found += list(session.execute(text(ALL), execution_options={"yield_per": 1}))
        found.append(session.execute(text("UPDATE accounts SET balance = 5 WHERE id < 3")).rowcount)  # type: ignore[attr-defined]
        return found


def keys_that_are_given_back(sandbox: Sandbox) -> Answers:
    with Session(create_engine(sandbox.url(), poolclass=NullPool)) as session:
        if sandbox.engine_name == "postgresql":  # the rows before have a key that its sequence does not know of
            session.execute(text("SELECT setval('payments_id_seq', 10)"))
        payments = [Payment(account_id=ALICE, amount=amount) for amount in (1, 2)]
        session.add_all(payments)
        session.flush()
        statement = insert(Payment).returning(Payment.amount, sort_by_parameter_order=True)
        given = session.scalars(statement, [{"account_id": ALICE, "amount": amount} for amount in (3, 4)])
        return [*given, payments[1].id - payments[0].id]


async def streamed(sandbox: Sandbox) -> Answers:
    from sqlalchemy.ext.asyncio import create_async_engine

    async with create_async_engine(sandbox.url(asynchronous=True), poolclass=NullPool).connect() as connection:
        found = [tuple(row) async for row in await connection.stream(text(ALL))]
        return [*found, (await connection.execute(text(ALL))).fetchone()]


def fetched(cursor: Any) -> Answers:
    """In every way of PEP 249."""
    found: Answers = []
    for fetch in (cursor.fetchall, cursor.fetchone, lambda: cursor.fetchmany(2), lambda: list(cursor)):
        cursor.execute(ALL)
        found.append(fetch())
        found.append(cursor.fetchone())
    cursor.execute("SELECT id FROM accounts WHERE id = 77")
    return [*found, cursor.fetchall(), cursor.fetchone()]


def pysqlite(sandbox: Sandbox) -> Answers:
    with closing(sqlite3.connect(sandbox.dsn())) as connection:
        connection.row_factory = sqlite3.Row
        found = fetched(connection.cursor())
        rows = [tuple(row) if isinstance(row, sqlite3.Row) else row for row in found if not isinstance(row, list)]
        return [*rows, *map(tuple, connection.execute(ALL))]


def psycopg(sandbox: Sandbox) -> Answers:
    with import_module("psycopg").connect(sandbox.dsn()) as connection:
        with connection.cursor(name="held_by_the_server") as cursor:
            streamed = list(cursor.execute(ALL))
        return [*fetched(connection.cursor()), *connection.cursor().stream(ALL), *streamed]


def psycopg2(sandbox: Sandbox) -> Answers:
    with closing(import_module("psycopg2").connect(sandbox.dsn())) as connection:
        named = connection.cursor("held_by_the_server")
        named.execute(ALL)
        return [*fetched(connection.cursor()), *named]


def pymysql(sandbox: Sandbox) -> Answers:
    cursors = import_module("pymysql.cursors")
    with closing(import_module("pymysql").connect(**sandbox.dsn())) as connection:
        streaming = connection.cursor(cursors.SSCursor)
        streaming.execute(ALL)
        streamed = list(streaming)
        return [*fetched(connection.cursor()), *fetched(connection.cursor(cursors.DictCursor)), *streamed]


async def aiosqlite(sandbox: Sandbox) -> Answers:
    async with import_module("aiosqlite").connect(sandbox.dsn()) as connection:
        cursor = await connection.execute(ALL)
        found = [await cursor.fetchone(), await cursor.fetchmany(1), await cursor.fetchall()]
        cursor = await cursor.execute(ALL)
        return [*found, [row async for row in cursor], await connection.execute_fetchall(ALL)]


async def asyncpg(sandbox: Sandbox) -> Answers:
    connection = await import_module("asyncpg").connect(sandbox.dsn())
    prepared = await connection.prepare(ALL)
    async with connection.transaction():
        streamed = [tuple(row) async for row in connection.cursor(ALL)]
    found = [await connection.fetchval(ALL), await connection.fetchrow(ALL), *await prepared.fetch(), *streamed]
    await connection.close()
    return found


async def aiomysql(sandbox: Sandbox) -> Answers:
    connection = await import_module("aiomysql").connect(**sandbox.dsn(asynchronous=True))
    async with connection.cursor() as cursor:
        await cursor.execute(ALL)
        found = [await cursor.fetchone(), await cursor.fetchmany(1), await cursor.fetchall()]
    connection.close()
    return found


PROGRAMS = [
    *((orm, db) for db in ("sqlite", "postgresql", "mariadb")),
    *((keys_that_are_given_back, db) for db in ("sqlite", "postgresql", "mariadb")),
    *((streamed, db) for db in ("sqlite", "postgresql+asyncpg", "mariadb")),
    (pysqlite, "sqlite"),
    (psycopg, "postgresql"),
    (psycopg2, "postgresql"),
    (pymysql, "mariadb"),
    (aiosqlite, "sqlite"),
    (asyncpg, "postgresql+asyncpg"),
    (aiomysql, "mariadb"),
]


def run(program: Callable[[Sandbox], Any], bank: Ground, *, records: bool) -> tuple[Any, Actor]:
    actors = gated("A", Script(""))
    actors["A"].records = records
    told = (bank.in_tasks if iscoroutinefunction(program) else bank.in_threads)(
        {"A": lambda: program(bank.sandbox)}, actors, Script("")
    )
    bank.put_back()
    assert not told.failures(), told.answers
    return told.answers["A"], told.actors["A"]


def statements(actor: Actor) -> list[Event]:
    return [each for each in actor.events if each.call.kind is Kind.STATEMENT]


@pytest.mark.one_server
@pytest.mark.parametrize(("program", "db"), PROGRAMS, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.one_in(2)
def test_the_program_gets_what_it_gets_otherwise(
    program: Callable[[Sandbox], Any], db: str, grounds: dict[str, Ground]
) -> None:
    plain, unkept = run(program, grounds[db], records=False)
    answers, actor = run(program, grounds[db], records=True)
    assert answers == plain
    assert [each.call.sql for each in actor.events] == [each.call.sql for each in unkept.events]
    assert all(each.reply.rows is None and each.reply.rowcount is None for each in unkept.events)
    first = next(each for each in statements(actor) if each.reply.rows)
    if first.call.sql == ALL and not isinstance(first.reply.rows[0], dict | int):
        assert set(map(tuple, first.reply.rows)) <= set(ROWS)


SPENT = "UPDATE accounts SET balance = balance - 1 WHERE id < 3"
GIVEN_BACK = f"{SPENT} RETURNING id"


def sqlalchemy_returning(sandbox: Sandbox) -> None:
    with create_engine(sandbox.url(), poolclass=NullPool).begin() as connection:
        connection.execute(text(GIVEN_BACK)).all()
        connection.execute(text(SPENT))


def pysqlite_returning(sandbox: Sandbox) -> None:
    with closing(sqlite3.connect(sandbox.dsn())) as connection:
        connection.execute(GIVEN_BACK).fetchall()
        connection.execute(SPENT)


async def aiosqlite_returning(sandbox: Sandbox) -> None:
    async with import_module("aiosqlite").connect(sandbox.dsn()) as connection:
        await (await connection.execute(GIVEN_BACK)).fetchall()
        await connection.execute(SPENT)


@pytest.mark.parametrize("program", [sqlalchemy_returning, pysqlite_returning, aiosqlite_returning])
def test_sqlite_counts_no_rows_that_are_still_to_be_fetched(
    program: Callable[[Sandbox], Any], grounds: dict[str, Ground]
) -> None:
    """Its driver says 0 until then, which would be that nothing was found."""
    _, actor = run(program, grounds["sqlite"], records=True)
    given_back, plain = (each.reply for each in statements(actor) if "UPDATE" in each.call.sql)
    assert (given_back.rowcount, [tuple(row) for row in given_back.rows or ()]) == (None, [(1,), (2,)])
    assert (plain.rowcount, plain.rows) == (2, None)


async def aiosqlite_fetching_all(sandbox: Sandbox) -> None:
    async with import_module("aiosqlite").connect(sandbox.dsn()) as connection:
        for sql in (SPENT, GIVEN_BACK, "SELECT id FROM accounts WHERE id > 99"):
            await connection.execute_fetchall(sql)


def test_what_fetches_all_of_a_write_does_not_tell_how_many_rows_it_changed(grounds: dict[str, Ground]) -> None:
    """It was told as none."""
    _, actor = run(aiosqlite_fetching_all, grounds["sqlite"], records=True)
    told = [
        (each.reply.rowcount, None if each.reply.rows is None else list(each.reply.rows)) for each in statements(actor)
    ]
    assert told == [(None, None), (2, [(1,), (2,)]), (0, [])]


ONE = "SELECT id, balance FROM accounts WHERE id = {}"


def pysqlite_changing(sandbox: Sandbox) -> None:
    with closing(sqlite3.connect(sandbox.dsn())) as connection:
        connection.row_factory = lambda _, row: {"id": row[0], "balance": row[1]}
        parameters = [1]
        row = connection.execute(ONE.format("?"), parameters).fetchone()
        row["balance"] += 7
        parameters[0] = 7


def sqlalchemy_changing(sandbox: Sandbox) -> None:
    with create_engine(sandbox.url(), poolclass=NullPool).connect() as connection:
        asked = "SELECT id, jsonb_build_object('of', array[balance]), array[balance] FROM accounts WHERE id = 1"
        (row,) = connection.execute(text(asked))
        row[1]["of"].append(7)
        row[2].append(7)


def psycopg_changing(sandbox: Sandbox) -> None:
    document = import_module("psycopg.types.json").Jsonb({"id": 1})
    with import_module("psycopg").connect(sandbox.dsn()) as connection:
        parameters = {"found": document}
        connection.execute("SELECT id, balance FROM accounts WHERE id = (%(found)s->'id')::int", parameters).fetchone()
        document.obj["id"] = 7
        del parameters["found"]


def psycopg2_changing(sandbox: Sandbox) -> None:
    found = [1]
    with closing(import_module("psycopg2").connect(sandbox.dsn())) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT id, array[balance] FROM accounts WHERE id = any(%s)", (found,))
        cursor.fetchone()[1].append(7)
        found.append(7)


async def asyncpg_changing(sandbox: Sandbox) -> None:
    connection = await import_module("asyncpg").connect(sandbox.dsn())
    found = [1]
    rows = await connection.fetch("SELECT id, array[balance] FROM accounts WHERE id = any($1::int[])", found)
    found.append(2)
    rows[0][1].append(7)
    rows.clear()
    await connection.close()


def pymysql_changing(sandbox: Sandbox) -> None:
    with closing(import_module("pymysql").connect(**sandbox.dsn())) as connection:
        cursor = connection.cursor(import_module("pymysql.cursors").DictCursor)
        parameters = [1]
        cursor.execute(ONE.format("%s"), parameters)
        cursor.fetchone()["balance"] += 7
        parameters[0] = 7


@pytest.mark.one_server
@pytest.mark.parametrize(
    ("program", "db", "sent", "read"),
    [
        (pysqlite_changing, "sqlite", "[1]", {"id": 1, "balance": 100}),
        (sqlalchemy_changing, "postgresql", "{}", (1, {"of": [100]}, [100])),
        (psycopg_changing, "postgresql", "{'found': Jsonb({'id': 1})}", (1, 100)),
        (psycopg2_changing, "postgresql+psycopg2", "([1],)", (1, [100])),
        (asyncpg_changing, "postgresql+asyncpg", "([1],)", (1, [100])),
        (pymysql_changing, "mariadb", "[1]", {"id": 1, "balance": 100}),
    ],
    ids=["sqlite3", "sqlalchemy", "psycopg", "psycopg2", "asyncpg", "pymysql"],
)
def test_what_a_program_changes_afterwards_it_has_neither_sent_nor_read(
    program: Callable[[Sandbox], Any], db: str, sent: str, read: Any, grounds: dict[str, Ground]
) -> None:
    _, actor = run(program, grounds[db], records=True)
    event = next(each for each in statements(actor) if "accounts" in each.call.sql)
    assert (repr(event.call.params), [*(event.reply.rows or ())]) == (sent, [read])
