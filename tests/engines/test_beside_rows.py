"""What a database keeps beside its rows is compared too, or makes the verdict unknown: it never passes unseen."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Scenario

INSERT = "INSERT INTO item (name) VALUES ('new')"
SCHEMA = {
    "sqlite": (
        "CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
        "INSERT INTO item (name) VALUES ('old')",
    ),
    "postgresql": (
        "CREATE TABLE item (id serial PRIMARY KEY, name text)",
        "CREATE SEQUENCE numbers",
        "INSERT INTO item (name) VALUES ('old')",
    ),
    "mariadb": (
        "CREATE TABLE item (id int PRIMARY KEY AUTO_INCREMENT, name text)",
        "CREATE SEQUENCE numbers",
        "CREATE TABLE kept (id int PRIMARY KEY, v int) WITH SYSTEM VERSIONING",
        "CREATE TABLE loose (id int) ENGINE=MyISAM",
        (
            "CREATE TABLE stamped (id int PRIMARY KEY, v int, since timestamp(6) GENERATED ALWAYS AS ROW START,"
            " until timestamp(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (since, until)) WITH SYSTEM VERSIONING"
        ),
        "INSERT INTO item (name) VALUES ('old')",
        "INSERT INTO kept VALUES (1, 0), (2, 0)",
        "INSERT INTO stamped (id, v) VALUES (1, 0)",
    ),
}
COMPARED = {
    "sqlite": (
        "PRAGMA user_version = 5",
        "PRAGMA application_id = 5",
        "UPDATE sqlite_sequence SET seq = 500",
        "DELETE FROM sqlite_sequence",
    ),
    "postgresql": (
        "COMMENT ON TABLE item IS 'x'",
        "ALTER SEQUENCE numbers RESTART 500",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    ),
    "mariadb": ("UPDATE kept SET v = v + 1", "UPDATE stamped SET v = v + 1", "DELETE FROM kept WHERE id = 2"),
}
UNKNOWN = {
    "postgresql": ("SELECT setval('numbers', 500)", "DO $$BEGIN PERFORM setval('numbers', 500); END$$"),
    "mariadb": (
        "SELECT setval(numbers, 500)",
        "EXECUTE IMMEDIATE 'DO setval(numbers, 500)'",
        "ALTER SEQUENCE numbers RESTART 500",
        "ALTER TABLE item AUTO_INCREMENT = 500",
    ),
}
DEAR = {
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "DELETE FROM kept WHERE id = 2",
    "DELETE FROM sqlite_sequence",
    "ALTER TABLE item AUTO_INCREMENT = 500",
}
NO_MATTER = {  # a number that was handed out in vain is nobody's
    "sqlite": ("DELETE FROM item WHERE name = 'old'",),
    "postgresql": ("SELECT nextval('numbers')",),
    "mariadb": ("SELECT nextval(numbers)",),
}


def connected(engine: str, dsn: Any) -> Any:
    if engine == "sqlite":
        return sqlite3.connect(dsn)
    if engine == "postgresql":
        import psycopg

        return psycopg.connect(dsn)
    import pymysql

    return pymysql.connect(**dsn)


def program(engine: str, *units: tuple[str, ...]) -> Callable[[Any], None]:
    """One that commits each of these units of statements."""

    def run(dsn: Any) -> None:
        with closing(connected(engine, dsn)) as connection, closing(connection.cursor()) as cursor:
            for unit in units:
                if engine == "sqlite":
                    cursor.execute("BEGIN")
                for statement in unit:
                    cursor.execute(statement)
                connection.commit()

    return run


def drilled(engine: str, *units: tuple[str, ...]) -> Report:
    def schema(connection: Any) -> None:
        for statement in SCHEMA[engine]:
            connection.exec_driver_sql(statement)

    scenario = Scenario(Operation(program(engine, *units), name="program"), schema=schema)
    return prove.drill(scenario, db=engine, faults=["error-before"], remedies=False)


def cases(table: dict[str, tuple[str, ...]]) -> list[Any]:
    return [
        pytest.param(engine, each, id=f"{engine}: {each}", marks=[pytest.mark.slow] if each in DEAR else [])
        for engine, statements in table.items()
        for each in statements
    ]


@pytest.mark.dear
@pytest.mark.parametrize(("engine", "statement"), cases(COMPARED))
@pytest.mark.one_in(2)
def test_in_a_commit_of_its_own_it_is_torn_and_in_one_it_is_right(engine: str, statement: str) -> None:
    report = drilled(engine, (INSERT,), (statement,))
    assert report.verdict == "fail", report
    assert {word for found in report.findings for word in found.errors} == {"torn"}, report
    report = drilled(engine, (INSERT, statement))
    assert report.verdict == "pass", report


@pytest.mark.parametrize(("engine", "statement"), cases(UNKNOWN))
@pytest.mark.one_in(2)
def test_what_no_rollback_takes_back_is_never_a_pass(engine: str, statement: str) -> None:
    report = drilled(engine, (INSERT,), (statement,))
    assert report.verdict in {"unknown", "fail"}, report
    assert any("sets a sequence, which no rollback takes back" in why for why in report.unknowns), report


@pytest.mark.parametrize(("engine", "statement"), cases(NO_MATTER))
def test_a_number_handed_out_in_vain_is_no_matter(engine: str, statement: str) -> None:
    report = drilled(engine, (INSERT, statement))
    assert report.verdict == "pass", report


@pytest.mark.dear
def test_one_commit_does_not_protect_a_table_without_transactions() -> None:
    report = drilled("mariadb", (INSERT, "INSERT INTO loose VALUES (1)", INSERT.replace("new", "newer")))
    assert report.verdict == "fail", report
    assert report.classifier == "3 writes in 1 commit, and no transactions in loose (MyISAM): unprotected"
    report = drilled("mariadb", (INSERT, INSERT.replace("new", "newer")))
    assert report.verdict == "pass", report
    assert report.classifier == "2 writes in 1 commit: protected"
