"""Every Call of a bare driver passes the seam, with kind, SQL, parameters and the line of user code that made it."""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import Callable
from contextlib import closing
from io import StringIO
from typing import Any

import pytest

from acidity.prove import Operation
from tests.engines.bank import calls, run_once, says
from tests.engines.raw import run_raw

SET = "UPDATE accounts SET balance = balance + 1"


# sqlite3


def on_the_connection(connection: sqlite3.Connection) -> None:
    connection.execute(SET)  # statement
    connection.commit()  # commit
    connection.rollback()  # rollback


def on_a_cursor(connection: sqlite3.Connection) -> None:
    connection.cursor().execute(f"{SET} WHERE id = ?", (1,))  # statement
    connection.commit()  # commit


def managed(connection: sqlite3.Connection) -> None:
    with connection:  # commit
        connection.execute(SET)  # statement


def control_as_text(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None
    connection.execute("BEGIN IMMEDIATE")  # begin
    connection.execute("SAVEPOINT a")  # savepoint
    connection.execute(SET)  # statement
    connection.execute("ROLLBACK TO a")  # rollback-to
    connection.execute("RELEASE a")  # release
    connection.execute("COMMIT")  # commit


def level_none(connection: sqlite3.Connection) -> None:
    connection.execute(SET)  # statement
    connection.isolation_level = None  # commit


# psycopg and psycopg2


def psycopg_connection(connection: Any) -> None:
    connection.execute(SET)  # statement
    connection.commit()  # commit
    connection.rollback()  # rollback


def psycopg_blocks(connection: Any) -> None:
    with connection.transaction():  # begin commit
        with connection.transaction():  # savepoint release
            connection.execute(SET)  # statement


def psycopg_block_rolled_back(connection: Any) -> None:
    with connection.transaction(force_rollback=True):  # begin rollback
        connection.execute(SET)  # statement


def psycopg_copy(connection: Any) -> None:
    with connection.cursor().copy("COPY payments (id, account_id, amount, note) FROM STDIN") as copy:  # statement
        copy.write_row((9, 1, 1, ""))
    connection.commit()  # commit


def psycopg_stream(connection: Any) -> list[Any]:
    return list(connection.cursor().stream("SELECT id FROM accounts ORDER BY id"))  # statement


def psycopg_server_cursor(connection: Any) -> list[Any]:
    with connection.cursor("c") as cursor:
        cursor.execute("SELECT id FROM accounts ORDER BY id")  # statement
        return cursor.fetchall()


def psycopg_two_phase(connection: Any) -> None:
    connection.tpc_begin("x")
    connection.execute(SET)  # statement
    connection.tpc_rollback()  # rollback


def psycopg2_cursor(connection: Any) -> None:
    with connection, connection.cursor() as cursor:  # commit
        cursor.execute(f"{SET} WHERE id = %s", (1,))  # statement


def psycopg2_copy(connection: Any) -> None:
    columns = ("id", "account_id", "amount", "note")
    with connection.cursor() as cursor:
        cursor.copy_from(StringIO("9\t1\t1\t\n"), "payments", columns=columns)  # statement
    connection.commit()  # commit


# PyMySQL and mysqlclient


def mysql_cursor(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"{SET} WHERE id = %s", (1,))  # statement
    connection.commit()  # commit
    connection.rollback()  # rollback


def mysql_begin(connection: Any) -> None:
    connection.begin()  # begin
    connection.query(SET)  # statement
    connection.commit()  # commit


def mysql_autocommit_on(connection: Any) -> None:
    connection.cursor().execute(SET)  # statement
    connection.autocommit(True)  # commit


def mysql_autocommit_on_with_nothing_open(connection: Any) -> None:
    """As Django does it on each new connection."""
    connection.autocommit(False)
    connection.autocommit(True)
    connection.cursor().execute(SET)  # statement


# Those that await


async def aiosqlite_connection(connection: Any) -> None:
    await connection.execute(SET)  # statement
    await connection.commit()  # commit
    await connection.rollback()  # rollback


async def aiosqlite_cursor(connection: Any) -> list[Any]:
    async with connection.execute("SELECT id FROM accounts ORDER BY id") as cursor:  # statement
        return [row async for row in cursor]


async def psycopg_async_connection(connection: Any) -> None:
    await connection.execute(SET)  # statement
    await connection.commit()  # commit
    await connection.rollback()  # rollback


async def psycopg_async_blocks(connection: Any) -> None:
    async with connection.transaction():  # begin commit
        async with connection.transaction():  # savepoint release
            await connection.execute(SET)  # statement


async def psycopg_async_copy(connection: Any) -> None:
    copying = "COPY payments (id, account_id, amount, note) FROM STDIN"
    async with connection.cursor() as cursor, cursor.copy(copying) as copy:  # statement
        await copy.write_row((9, 1, 1, ""))
    await connection.commit()  # commit


async def psycopg_async_stream(connection: Any) -> list[Any]:
    rows = connection.cursor().stream("SELECT id FROM accounts ORDER BY id")
    return [row async for row in rows]  # statement


async def asyncpg_fetch(connection: Any) -> list[Any]:
    return await connection.fetch("SELECT id FROM accounts ORDER BY id")  # statement


async def asyncpg_prepared(connection: Any) -> Any:
    prepared = await connection.prepare("SELECT id FROM accounts WHERE id = $1")
    return await prepared.fetchval(1)  # statement


async def asyncpg_blocks(connection: Any) -> None:
    async with connection.transaction():  # begin commit
        async with connection.transaction():  # savepoint release
            await connection.execute(f"{SET} WHERE id = $1", 1)  # statement


async def asyncpg_cursor(connection: Any) -> list[Any]:
    async with connection.transaction(readonly=True):  # begin commit
        return [row["id"] async for row in connection.cursor("SELECT id FROM accounts")]  # statement


async def asyncpg_records(connection: Any) -> None:
    columns = ["id", "account_id", "amount", "note"]
    await connection.copy_records_to_table("payments", records=[(9, 1, 1, "")], columns=columns)  # statement


async def aiomysql_cursor(connection: Any) -> None:
    async with connection.cursor() as cursor:
        await cursor.execute(SET)  # statement
    await connection.commit()  # commit


SEEN: list[tuple[str, Callable[..., Any], str]] = [
    ("sqlite", on_the_connection, "statement commit rollback"),
    ("sqlite", on_a_cursor, "statement commit"),
    ("sqlite", managed, "statement commit"),
    ("sqlite", control_as_text, "begin savepoint statement rollback-to release commit"),
    ("sqlite", level_none, "statement commit"),
    ("postgresql", psycopg_connection, "statement commit rollback"),
    ("postgresql", psycopg_blocks, "begin savepoint statement release commit"),
    ("postgresql", psycopg_block_rolled_back, "begin statement rollback"),
    ("postgresql", psycopg_copy, "statement commit"),
    ("postgresql", psycopg_stream, "statement"),
    ("postgresql", psycopg_server_cursor, "statement"),
    ("postgresql", psycopg_two_phase, "statement rollback"),
    ("postgresql+psycopg2", psycopg2_cursor, "statement commit"),
    ("postgresql+psycopg2", psycopg2_copy, "statement commit"),
    ("mariadb", mysql_cursor, "statement commit rollback"),
    ("mariadb", mysql_begin, "begin statement commit"),
    ("mariadb", mysql_autocommit_on, "statement commit"),
    ("mariadb", mysql_autocommit_on_with_nothing_open, "statement"),
    ("mariadb+mysqldb", mysql_autocommit_on_with_nothing_open, "statement"),
    ("mariadb+mysqldb", mysql_cursor, "statement commit rollback"),
    ("mariadb+mysqldb", mysql_begin, "begin statement commit"),
    ("mariadb+mysqldb", mysql_autocommit_on, "statement commit"),
    ("sqlite", aiosqlite_connection, "statement commit rollback"),
    ("sqlite", aiosqlite_cursor, "statement"),
    ("postgresql", psycopg_async_connection, "statement commit rollback"),
    ("postgresql", psycopg_async_blocks, "begin savepoint statement release commit"),
    ("postgresql", psycopg_async_copy, "statement commit"),
    ("postgresql", psycopg_async_stream, "statement"),
    ("postgresql+asyncpg", asyncpg_fetch, "statement"),
    ("postgresql+asyncpg", asyncpg_prepared, "statement"),
    ("postgresql+asyncpg", asyncpg_blocks, "begin savepoint statement release commit"),
    ("postgresql+asyncpg", asyncpg_cursor, "begin statement commit"),
    ("postgresql+asyncpg", asyncpg_records, "statement"),
    ("mariadb", aiomysql_cursor, "statement commit"),
]


def injected(function: Callable[..., Any]) -> Any:
    return Operation(function, inject="dbapi_connection")


@pytest.mark.parametrize(("db", "function", "kinds"), SEEN, ids=lambda value: getattr(value, "__name__", None))
@pytest.mark.one_in(2)
def test_calls_and_their_sites(db: str, function: Callable[..., Any], kinds: str) -> None:
    run = run_raw(injected(function), db)
    assert not run.ending.exception, run.ending
    assert [str(call.kind) for call in calls(run)] == kinds.split()
    assert not run.bypasses
    for number, call in enumerate(calls(run), 1):
        assert (call.actor, call.index, call.connection) == ("A", number, 1)
        assert says(call, __file__, marked(function, call.kind)), call


def marked(function: Callable[..., Any], kind: str) -> int:
    """The line whose mark has this word; a block is two Calls of one line."""
    lines, first = inspect.getsourcelines(function)
    (found,) = [
        number for number, line in enumerate(lines, first) if "  # " in line and kind in line.split("  # ")[1].split()
    ]
    return found


def test_text_and_parameters_are_those_of_the_driver() -> None:
    def operation(connection: sqlite3.Connection) -> None:
        connection.executemany(SET + " WHERE id = ?", [(1,), (2,)])

    (call,) = calls(run_raw(injected(operation), "sqlite"))
    assert (call.sql, call.params, call.many) == (SET + " WHERE id = ?", [(1,), (2,)], True)


def test_what_psycopg_composes_is_text() -> None:
    sql = pytest.importorskip("psycopg.sql")

    def operation(connection: Any) -> None:
        table = sql.Identifier("accounts")
        connection.execute(sql.SQL("SELECT * FROM {}").format(table), prepare=False)

    (call,) = calls(run_raw(injected(operation), "postgresql"))
    assert call.sql == 'SELECT * FROM "accounts"'


def test_a_procedure_is_a_write() -> None:
    def operation(dsn: dict[str, Any]) -> None:
        import pymysql

        with pymysql.connect(**dsn) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE PROCEDURE p (a INT) UPDATE accounts SET balance = a")
            cursor.callproc("p", (1,))

    create, call = calls(run_raw(operation, "mariadb"))
    assert create.autocommit
    assert (call.sql, call.params, call.autocommit) == ("CALL p", (1,), False)


def test_a_script_is_sent_statement_by_statement() -> None:
    def operation(dsn: str) -> None:
        with closing(sqlite3.connect(dsn)) as connection:
            connection.execute(SET)
            connection.executescript(f"-- first;\n{SET};\nINSERT INTO payments VALUES (9, 1, 1, ';'); -- the end")

    run = run_raw(operation, "sqlite")
    assert [str(call.kind) for call in calls(run)] == ["statement", "commit", "statement", "statement"]
    assert calls(run)[-1].sql == "INSERT INTO payments VALUES (9, 1, 1, ';');"
    assert [call.autocommit for call in calls(run)] == [False, False, True, True]


@pytest.mark.parametrize("on", ["connection", "cursor"])
def test_so_is_one_of_aiosqlite(on: str) -> None:
    aiosqlite = pytest.importorskip("aiosqlite")

    async def operation(dsn: str) -> str:
        async with aiosqlite.connect(dsn) as connection:
            target = connection if on == "connection" else await connection.cursor()
            await connection.execute(SET)
            await target.executescript(f"{SET}; {SET}")
            return str(connection.isolation_level)

    run = run_raw(operation, "sqlite")
    assert [str(call.kind) for call in calls(run)] == ["statement", "commit", "statement", "statement"]
    assert [call.autocommit for call in calls(run)] == [False, False, True, True]
    assert run.ending.answer == ""


def test_connections_are_numbered_also_when_they_are_dropped() -> None:
    def operation(dsn: str) -> None:
        for _ in range(3):
            sqlite3.connect(dsn).execute("SELECT 1").fetchall()

    assert [call.connection for call in calls(run_raw(operation, "sqlite"))] == [1, 2, 3]


@pytest.mark.dear
def test_rows_of_a_drivers_own_kind_are_answers() -> None:
    def sqlite_row(connection: sqlite3.Connection) -> Any:
        connection.row_factory = sqlite3.Row
        return connection.execute("SELECT id, owner FROM accounts ORDER BY id").fetchone()

    async def record(connection: Any) -> Any:
        return await connection.fetchrow("SELECT id, owner FROM accounts ORDER BY id")

    assert run_raw(injected(sqlite_row), "sqlite").ending.answer == {"id": 1, "owner": "Alice"}
    assert run_raw(injected(record), "postgresql+asyncpg").ending.answer == {"id": 1, "owner": "Alice"}


def goes_on_beside_an_error(dsn: str) -> None:
    """What is closed while its error is dealt with holds no lock any more."""
    with closing(sqlite3.connect(dsn, isolation_level=None, timeout=0)) as one:
        two = sqlite3.connect(dsn, isolation_level=None, timeout=0)
        for each in (one, two):
            each.execute("BEGIN")
            each.execute("SELECT balance FROM accounts").fetchall()
        one.execute("UPDATE accounts SET balance = balance - 10")
        try:
            two.execute("UPDATE accounts SET balance = balance - 10")
        except sqlite3.OperationalError:
            two.close()
            one.execute("COMMIT")


def test_a_statement_that_failed_is_gone_before_its_error() -> None:
    assert run_once(goes_on_beside_an_error).ending.exception == ""
