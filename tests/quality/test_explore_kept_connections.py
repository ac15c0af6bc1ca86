"""A pool of the program's that gives out what acidity has closed: who fails by that alone is no answer about the program."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg
import pymysql
import pytest

from acidity import prove
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario

KEPT: list[Any] = []
OPENED: dict[str, Callable[[Any], Any]] = {
    "sqlite": lambda dsn: sqlite3.connect(dsn, isolation_level=None, check_same_thread=False),
    "postgresql": lambda dsn: psycopg.connect(dsn, autocommit=True),
    "mariadb": lambda dsn: pymysql.connect(**dsn, autocommit=True),
}


@pytest.fixture(autouse=True)
def nothing_is_kept() -> None:
    KEPT.clear()


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE acc (id INT PRIMARY KEY, n INT NOT NULL)")


def fill(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO acc VALUES (1, 100)")


def withdraws(dsn: Any, db: str) -> None:
    """Whoever comes second takes the connection of whoever was first, and it is closed in between."""
    connection = KEPT.pop() if KEPT else OPENED[db](dsn)
    cursor = connection.cursor()
    cursor.execute("SELECT n FROM acc WHERE id = 1")
    (n,) = cursor.fetchone()
    cursor.execute(f"UPDATE acc SET n = {n - 10} WHERE id = 1")
    KEPT.append(connection)


@pytest.mark.dear
@pytest.mark.parametrize("db", list(OPENED))
def test_it_is_unknown_and_no_pass(db: str) -> None:
    report = prove.explore(Scenario(Operation(withdraws, db), schema=schema, setup=fill), db=db)
    assert report.verdict == "unknown", report
    assert "is closed in between" in report.unknowns[0]


def shares(dsn: Any, db: str) -> None:
    """Whoever comes while another one is at it takes that one's connection, and may find it closed."""
    mine = not KEPT
    if mine:
        KEPT.append(OPENED[db](dsn))
    connection = KEPT[-1]
    cursor = connection.cursor()
    cursor.execute("UPDATE acc SET n = n - 10 WHERE id = 1")
    cursor = connection.cursor()
    cursor.execute("SELECT n FROM acc WHERE id = 1")
    if mine:
        KEPT.clear()
        connection.close()


@pytest.mark.dear
@pytest.mark.parametrize("db", list(OPENED))
def test_what_another_caller_has_closed_is_a_failure(db: str) -> None:
    report = prove.explore(Scenario(Operation(shares, db), schema=schema, setup=fill), db=db)
    assert report.verdict == "fail", report


def uses_what_is_closed(dsn: str) -> None:
    connection = sqlite3.connect(dsn)
    connection.close()
    connection.execute("UPDATE acc SET n = 1")


def test_the_advice_is_not_about_tables() -> None:
    with pytest.raises(UsageError, match="is closed in between"):
        prove.drill(Scenario(Operation(uses_what_is_closed), schema=schema, setup=fill))
