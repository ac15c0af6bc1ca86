"""LOCK TABLES and UNLOCK TABLES commit what is open, and often nothing is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pymysql
import pytest
from sqlalchemy import Connection, Engine, text

from acidity import prove
from acidity.prove import Operation, Scenario

FEW = ["error-before", "connection-lost"]


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE acc (id INT PRIMARY KEY, n INT NOT NULL)")


def fill(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO acc VALUES (1, 100), (2, 100)")


def moves(dsn: Any, *, unlocks: bool, between: str = "") -> None:
    connection = pymysql.connect(**dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLES acc WRITE")
            cursor.execute("UPDATE acc SET n = n - 10 WHERE id = 1")
            if between:
                cursor.execute(between)
            cursor.execute("UPDATE acc SET n = n + 10 WHERE id = 2")
            connection.commit()
            if unlocks:
                cursor.execute("UNLOCK TABLES")
    finally:
        connection.close()


def scenario(**how: Any) -> Scenario:
    return Scenario(Operation(moves, **how), schema=schema, setup=fill)


def test_who_fails_to_unlock_after_the_commit_fails_after_it() -> None:
    report = prove.drill(scenario(unlocks=True), db="mariadb", faults=FEW)
    assert [(found.word, found.severity) for found in report.findings] == [("failed after commit", "warning")]


def test_what_is_committed_by_it_is_torn() -> None:
    report = prove.drill(scenario(unlocks=False, between="UNLOCK TABLES"), db="mariadb", faults=FEW)
    assert (report.verdict, report.findings[0].word) == ("fail", "torn"), report


@pytest.mark.dear
def test_who_was_killed_once_the_tables_were_locked_has_lost_nothing() -> None:
    report = prove.crash(scenario(unlocks=False), db="mariadb")
    assert report.verdict == "pass", report


@pytest.mark.dear
def test_what_was_committed_under_the_lock_and_is_gone_is_lost() -> None:
    report = prove.crash(scenario(unlocks=False), db="mariadb", settings={"innodb_flush_log_at_trx_commit": "0"})
    assert (report.verdict, report.findings[0].code) == ("fail", "ACI401"), report


def keeps_them_in_the_pool(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("LOCK TABLES acc WRITE"))
        connection.execute(text("UPDATE acc SET n = n - 10 WHERE id = 1"))
        connection.execute(text("UPDATE acc SET n = n + 10 WHERE id = 2"))
        connection.commit()


@pytest.mark.slow
def test_who_keeps_tables_locked_in_the_pool_keeps_everybody_out() -> None:
    scenario = Scenario(Operation(keeps_them_in_the_pool), schema=schema, setup=fill)
    report = prove.drill(scenario, db="mariadb", faults=["memory-error"])
    assert ("leaked", "error") in {(found.word, found.severity) for found in report.findings}, report
    explored = prove.explore(scenario, db="mariadb")
    assert explored.verdict == "unknown"
    assert "kept every reader out" in explored.unknowns[0]


def gives_them_back(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("LOCK TABLES acc WRITE"))
        try:
            connection.execute(text("UPDATE acc SET n = n - 10 WHERE id = 1"))
            connection.execute(text("UPDATE acc SET n = n + 10 WHERE id = 2"))
            connection.commit()
        except Exception:
            connection.rollback()  # before UNLOCK TABLES, which commits
            raise
        finally:
            connection.execute(text("UNLOCK TABLES"))


KEPT: list[Connection] = []


def keeps_the_table_of_postgresql(engine: Engine) -> None:
    lets_the_table_of_postgresql_go(engine)
    KEPT.append(engine.connect())
    KEPT[-1].execute(text("LOCK TABLE acc IN ACCESS EXCLUSIVE MODE"))


def lets_the_table_of_postgresql_go(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE acc IN ACCESS EXCLUSIVE MODE"))
        connection.execute(text("UPDATE acc SET n = n - 10 WHERE id = 1"))
        connection.execute(text("UPDATE acc SET n = n + 10 WHERE id = 2"))


@pytest.mark.dear
@pytest.mark.parametrize(
    ("function", "db", "verdict"),
    [
        (gives_them_back, "mariadb", "pass"),
        (keeps_the_table_of_postgresql, "postgresql", "fail"),
        (lets_the_table_of_postgresql_go, "postgresql", "pass"),
    ],
)
def test_who_gives_them_back_leaks_nothing(function: Callable[[Engine], None], db: str, verdict: str) -> None:
    scenario = Scenario(Operation(function), schema=schema, setup=fill)
    report = prove.drill(scenario, db=db, faults=["constraint"])
    KEPT.clear()
    leaked = any((found.word, found.severity) == ("leaked", "error") for found in report.findings)
    assert (report.verdict, leaked) == (verdict, verdict == "fail"), report
