"""A transfer written for a bare driver: the right one passes the whole drill, every broken twin fails with its word."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from acidity.prove.drill.classifier import classified
from tests.engines.bank import bank, calls
from tests.engines.raw import CREDIT, DEBIT, DRIVERS, TELLING, Raw, run_raw, words
from tests.quality.drilled import drill
from tests.tiers import mostly_slow

POSTGRESQL = {"psycopg", "psycopg2", "psycopg_async", "asyncpg"}


# By default one driver of each engine, one of them asynchronous.
ONE_OF_EACH_ENGINE = ("sqlite3", "asyncpg", "pymysql")


# Two faults by default, one of which ends the process and one only the call; slow: all that tell.
@pytest.fixture(
    params=[
        pytest.param(("error-before", "kill-after"), id="few"),
        pytest.param(TELLING, id="telling", marks=pytest.mark.slow),
    ]
)
def faults(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param


@pytest.fixture(params=mostly_slow(*(each for each in DRIVERS if str(each) in ONE_OF_EACH_ENGINE), of=DRIVERS), ids=str)
def raw(request: pytest.FixtureRequest) -> Raw:
    pytest.importorskip(request.param.module)
    return request.param


@pytest.mark.few_or_all
def test_the_right_one_passes(raw: Raw) -> None:
    report = drill(bank(raw.right), db=raw.db)
    assert report.verdict == "pass", report
    assert report.classifier == "2 writes in 1 commit: protected"
    assert report.runs >= 10


@pytest.mark.dear
@pytest.mark.one_in(3)
def test_two_commits_are_torn(raw: Raw, faults: tuple[str, ...]) -> None:
    assert words(raw.two_commits, raw.db, faults) == {"torn"}
    assert classified(run_raw(raw.two_commits, raw.db).history) == "2 writes in 2 commits: unprotected"


@pytest.mark.dear
@pytest.mark.one_in(3)
def test_autocommit_is_torn(raw: Raw, faults: tuple[str, ...]) -> None:
    assert words(raw.autocommit, raw.db, faults) == {"torn"}
    run = run_raw(raw.autocommit, raw.db)
    assert [(str(call.kind), call.autocommit) for call in calls(run)][-2:] == [("statement", True)] * 2
    assert classified(run.history) == "2 writes in 2 commits: unprotected"


def test_a_swallowed_error_is_told_as_success(raw: Raw) -> None:
    """PostgreSQL turns the COMMIT of an aborted transaction into a rollback; the others commit what is there."""
    found = words(raw.swallowed, raw.db, ("error-before",))
    assert found == ({"false success"} if str(raw) in POSTGRESQL else {"false success", "torn"})


# What only one driver does


def script_commits(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.execute(DEBIT)
        connection.executescript(f"{CREDIT}")
        connection.commit()


def script_holds_a_transaction(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.executescript(f"BEGIN; {DEBIT}; {CREDIT}; COMMIT")


def level_none_commits(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.execute(DEBIT)
        connection.isolation_level = None
        connection.execute(CREDIT)


def managed(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection, connection:
        connection.execute(DEBIT)
        connection.execute(CREDIT)


def one_write(dsn: str) -> None:
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        connection.execute(DEBIT)


def never_committed(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.execute(DEBIT)
        connection.execute(CREDIT)


def insert_from_with_is_not_begun(dsn: str) -> None:
    """The driver begins a transaction before INSERT, but not before WITH … INSERT."""
    with closing(sqlite3.connect(dsn)) as connection:
        connection.execute(
            "WITH a AS (SELECT 1 AS id) INSERT INTO payments (account_id, amount, note) SELECT id, 1, '' FROM a"
        )
        connection.execute(CREDIT)
        connection.commit()


def savepoint_commits(dsn: str) -> None:
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        connection.execute("SAVEPOINT a")
        connection.execute(DEBIT)
        connection.execute("RELEASE a")  # the savepoint has begun the transaction
        connection.execute(CREDIT)


def savepoint_holds_a_transaction(dsn: str) -> None:
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        for statement in (
            'SAVEPOINT "a b"',
            DEBIT,
            'SAVEPOINT "A B"',
            "ROLLBACK TO SAVEPOINT [a b]",
            "RELEASE SAVEPOINT 'a b'",
            CREDIT,
            "RELEASE /* the first */ `a b`",
        ):
            connection.execute(statement)


def savepoint_within_a_transaction(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.execute(DEBIT)
        connection.execute("SAVEPOINT a")
        connection.execute(CREDIT)
        connection.execute("RELEASE a")
        connection.commit()


def session_nested_commits(session: Session) -> None:
    """SQLAlchemy's sqlite3 begins no transaction before a SAVEPOINT."""
    with session.begin():
        with session.begin_nested():
            session.execute(text(DEBIT))
        session.execute(text(CREDIT))


def left_open(dsn: str) -> None:
    KEPT[:] = [sqlite3.connect(dsn)]
    KEPT[0].execute(DEBIT)
    KEPT[0].execute(CREDIT)
    KEPT[0].commit()
    KEPT[0].execute("BEGIN IMMEDIATE")


KEPT: list[sqlite3.Connection] = []


@pytest.mark.dear
@pytest.mark.parametrize(
    ("function", "found", "classifier"),
    [
        (script_commits, {"torn"}, "2 writes in 2 commits: unprotected"),
        (script_holds_a_transaction, set(), "2 writes in 1 commit: protected"),
        (level_none_commits, {"torn"}, "2 writes in 2 commits: unprotected"),
        (managed, set(), "2 writes in 1 commit: protected"),
        (one_write, set(), "1 write: needs no transaction"),
        (never_committed, {"false success"}, "2 writes, no commit: unprotected"),
        (insert_from_with_is_not_begun, {"torn"}, "2 writes in 2 commits: unprotected"),
        (savepoint_commits, {"torn"}, "2 writes in 2 commits: unprotected"),
        (savepoint_holds_a_transaction, set(), "2 writes in 1 commit: protected"),
        (savepoint_within_a_transaction, set(), "2 writes in 1 commit: protected"),
        (session_nested_commits, {"torn"}, "2 writes in 2 commits: unprotected"),
        (left_open, {"leaked", "failed after commit"}, "2 writes in 1 commit: protected"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.one_in(3)
def test_sqlite3(function: Any, found: set[str], classifier: str, faults: tuple[str, ...]) -> None:
    assert words(function, "sqlite", faults) == found
    assert classified(run_raw(function, "sqlite").history) == classifier


def test_what_is_left_open_stops_a_stranger() -> None:
    run = run_raw(left_open, "sqlite")
    assert run.leaks == ("a session or connection was left open with its transaction",)
    assert "database is locked" in run.stopped


def blocks(dsn: str) -> None:
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection, connection.transaction():
        connection.execute(DEBIT)
        with connection.transaction():
            connection.execute(CREDIT)


def two_blocks(dsn: str) -> None:
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        for sql in (DEBIT, CREDIT):
            with connection.transaction():
                connection.execute(sql)


def in_one_text(dsn: str) -> None:
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"BEGIN; {DEBIT}; {CREDIT}; COMMIT")


@pytest.mark.dear
@pytest.mark.parametrize(
    ("function", "found"),
    [(blocks, set()), (two_blocks, {"torn"}), (in_one_text, set())],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.one_in(3)
def test_psycopg(function: Any, found: set[str], faults: tuple[str, ...]) -> None:
    pytest.importorskip("psycopg")
    assert words(function, "postgresql", faults) == found


async def asyncpg_blocks(dsn: str) -> None:
    import asyncpg

    async with asyncpg.create_pool(dsn, min_size=1) as pool, pool.acquire() as connection, connection.transaction():
        await connection.execute(DEBIT)
        async with connection.transaction():
            await connection.execute(CREDIT)


@pytest.mark.dear
def test_asyncpg(faults: tuple[str, ...]) -> None:
    pytest.importorskip("asyncpg")
    assert words(asyncpg_blocks, "postgresql+asyncpg", faults) == set()


def ddl_commits(dsn: dict[str, Any]) -> None:
    import pymysql

    with pymysql.connect(**dsn) as connection, connection.cursor() as cursor:
        cursor.execute(DEBIT)
        cursor.execute("CREATE TABLE IF NOT EXISTS accounts (id INT)")
        cursor.execute(CREDIT)
        connection.commit()


def switching_autocommit_on_commits(dsn: dict[str, Any]) -> None:
    import pymysql

    with pymysql.connect(**dsn) as connection, connection.cursor() as cursor:
        cursor.execute(DEBIT)
        cursor.execute("SET autocommit = 1")
        cursor.execute(CREDIT)


def switching_autocommit_off_begins(dsn: dict[str, Any]) -> None:
    import pymysql

    with pymysql.connect(**dsn, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SET autocommit = 0")
        cursor.execute(DEBIT)
        cursor.execute(CREDIT)
        connection.commit()


@pytest.mark.dear
@pytest.mark.parametrize(
    ("function", "found", "kinds"),
    [
        (ddl_commits, {"torn"}, "statement statement statement commit"),
        (switching_autocommit_on_commits, {"torn"}, "statement commit statement"),
        (switching_autocommit_off_begins, set(), "statement statement statement commit"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.one_in(3)
def test_pymysql(function: Any, found: set[str], kinds: str, faults: tuple[str, ...]) -> None:
    pytest.importorskip("pymysql")
    assert words(function, "mariadb", faults) == found
    assert [str(call.kind) for call in calls(run_raw(function, "mariadb"))] == kinds.split()
