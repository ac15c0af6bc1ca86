"""What frameworks do on a connection of their own: they ask when it is opened, and call savepoints after the thread."""

from __future__ import annotations

import sqlite3
import sys
import threading
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from acidity import prove
from acidity.prove import Operation, Scenario

SCHEMA = "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)"
DEBIT = "UPDATE accounts SET balance = balance - 10 WHERE id = 1"
LOOK, PUT = "SELECT balance FROM accounts WHERE id = 1", "UPDATE accounts SET balance = {} WHERE id = 1"


def fill(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO accounts VALUES (1, 100)")


@pytest.fixture
def schema(tmp_path: Path) -> str:
    path = tmp_path / "schema.sql"
    path.write_text(SCHEMA, encoding="utf-8")
    return str(path)


def opened(dsn: Any) -> Any:
    """As Django opens one of SQLite."""
    connection = sqlite3.connect(dsn, isolation_level=None)
    connection.execute("select sqlite_compileoption_used('ENABLE_MATH_FUNCTIONS')").fetchone()
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA legacy_alter_table = OFF")
    return connection


def computes(dsn: Any) -> None:
    with closing(opened(dsn)) as connection:
        connection.execute("BEGIN")
        name = f"s{threading.get_ident()}_x1"
        connection.execute(f'SAVEPOINT "{name}"')
        connection.execute(DEBIT)
        connection.execute(f'RELEASE SAVEPOINT "{name}"')
        connection.execute("COMMIT")


def reads_and_puts(dsn: Any) -> None:
    with closing(opened(dsn)) as connection:
        name = f"s{threading.get_ident()}_x1"
        (balance,) = connection.execute(LOOK).fetchone()
        connection.execute("BEGIN")
        connection.execute(f'SAVEPOINT "{name}"')
        connection.execute(PUT.format(balance - 10))
        connection.execute(f'RELEASE SAVEPOINT "{name}"')
        connection.execute("COMMIT")


@pytest.mark.parametrize(("function", "verdict"), [(computes, "pass"), (reads_and_puts, "fail")])
def test_callers_on_sqlite_are_put_into_classes(schema: str, function: Any, verdict: str) -> None:
    report = prove.explore(Scenario(Operation(function), schema=schema, setup=fill))
    assert report.verdict == verdict, report
    assert "of each class" in report.bounds[0].note, report.bounds


def takes_locked(dsn: Any) -> None:
    """The first question is asked in autocommit mode, as the pool of a framework asks whether the connection lives."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT 1")
        with connection.transaction(savepoint_name=None):
            name = f"s{threading.get_ident()}"
            connection.execute(f"SAVEPOINT {name}")
            connection.execute(LOOK + " FOR UPDATE")
            connection.execute(DEBIT)
            connection.execute(f"RELEASE {name}")


@pytest.mark.dear
def test_a_question_of_no_row_is_at_no_level(schema: str) -> None:
    report = prove.explore(Scenario(Operation(takes_locked), schema=schema, setup=fill), db="postgresql")
    assert report.verdict == "pass", report
    assert "of each class" in report.bounds[0].note, report.bounds


def looks_in_autocommit(dsn: Any) -> None:
    """What it has read is not locked."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        (balance,) = connection.execute(LOOK).fetchone() or (0,)
        with connection.transaction():
            connection.execute(PUT.format(balance - 10))


@pytest.mark.dear
def test_a_question_of_rows_is_at_that_of_the_session(schema: str) -> None:
    report = prove.explore(Scenario(Operation(looks_in_autocommit), schema=schema, setup=fill), db="postgresql")
    assert (report.verdict, report.findings[0].anomaly) == ("fail", "lost update"), report
    assert "of each class" in report.bounds[0].note, report.bounds


def by_another_name(dsn: Any) -> None:
    with closing(import_module("MySQLdb").connect(**dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(DEBIT)
        connection.commit()


@pytest.mark.dear
def test_pymysql_may_go_by_the_name_of_mysqlclient(schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``pymysql.install_as_MySQLdb()`` does this, and half of the programs with Django call it."""
    for name in [each for each in sys.modules if each.partition(".")[0] in {"MySQLdb", "_mysql"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "MySQLdb", pymysql)
    with suppress(ImportError):
        import_module("MySQLdb.constants.CLIENT")  # others import parts of it by that name
    report = prove.drill(Scenario(Operation(by_another_name), schema=schema, setup=fill), db="mariadb", remedies=False)
    assert (report.verdict, report.classifier) == ("pass", "1 write: needs no transaction"), report
