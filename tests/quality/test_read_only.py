"""A database that is read-only: also where the error stays in the database, and where each write is committed by itself."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import asyncpg
import psycopg
import pytest

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.run.drilling import drilled, passes, words

DEBIT = "UPDATE accounts SET balance = balance - 10 WHERE id = 1"
CREDIT = "UPDATE accounts SET balance = balance + 10 WHERE id = 2"
HIDES = "EXCEPTION WHEN OTHERS THEN NULL;"


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE accounts (id INT PRIMARY KEY, balance INT NOT NULL)")
    for name, more in (("hides", HIDES), ("tells", "")):
        connection.exec_driver_sql(
            f"CREATE FUNCTION {name}() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {DEBIT}; {CREDIT}; {more} END $$"
        )
    connection.exec_driver_sql(
        "CREATE FUNCTION reads() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN sum(balance) FROM accounts; END $$"
    )


def fill(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO accounts VALUES (1, 100), (2, 0)")


def scenario(function: Any, *arguments: Any) -> Scenario:
    return Scenario(Operation(function, *arguments, inject="dsn"), schema=schema, setup=fill)


def sends(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn) as connection:
        for each in statements:
            connection.execute(each)


BLOCK = f"DO $$ BEGIN {DEBIT}; {CREDIT}; %s END $$"


@pytest.mark.dear
@pytest.mark.parametrize(
    ("hides", "tells"), [("SELECT hides()", "SELECT tells()"), (BLOCK.replace("%s", HIDES), BLOCK.replace("%s", ""))]
)
def test_an_error_that_stays_in_the_database_is_found(hides: str, tells: str) -> None:
    assert words(scenario(sends, hides), "postgresql", "read-only") == {"false success"}
    passes(scenario(sends, tells), "postgresql", "read-only")


def test_a_function_that_only_reads_is_not_struck() -> None:
    report = drilled(scenario(sends, DEBIT, CREDIT, "SELECT reads()"), "postgresql", "read-only")
    report.raise_for_findings()
    assert report.runs == 2


def calls_and_commits(dsn: str) -> None:
    with psycopg.connect(dsn) as connection: connection.execute("SELECT tells()")  # fmt: skip # noqa: E701  # one line


def test_such_code_is_named_where_its_line_commits_too() -> None:
    report = drilled(scenario(calls_and_commits), "postgresql", "error-before")
    assert any("inside what it runs at" in name for name in report.not_covered), report.not_covered


def swallows(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        with suppress(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute(DEBIT)
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("off",)


def is_told(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(DEBIT)


async def swallows_async(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    with suppress(asyncpg.ReadOnlySQLTransactionError):
        await connection.execute(DEBIT)
    await connection.close()


@pytest.mark.dear
@pytest.mark.parametrize(("db", "wrong"), [("postgresql", swallows), ("postgresql+asyncpg", swallows_async)])
def test_a_write_that_is_committed_by_itself_is_struck(db: str, wrong: Any) -> None:
    assert words(scenario(wrong), db, "read-only") == {"false success"}
    passes(scenario(is_told), "postgresql", "read-only")


def begins_in_a_text(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"BEGIN; {DEBIT}; COMMIT")


def test_a_text_that_begins_a_transaction_is_let_pass() -> None:
    """In the transaction that has failed the session could not be put back."""
    replay = prove.replay(scenario(begins_in_a_text), "ac1:A!read-only", db="postgresql")
    assert not replay.struck
