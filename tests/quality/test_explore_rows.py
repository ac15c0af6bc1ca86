"""A run is named by what was read, however the program has its driver hand over rows and values."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import JSON, Integer, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.prove import Operation, Scenario

Asked = Callable[[Any, str], Any]


class Base(DeclarativeBase):
    """Declarative base of the tables."""


class Setting(Base):
    """A document and how often it was changed."""

    __tablename__ = "settings"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    document: Mapped[dict[str, int]] = mapped_column(JSON)
    changes: Mapped[int]


def seed(session: Session) -> None:
    session.add(Setting(id=1, document={"b": 1, "a": 2}, changes=0))


def mappings_of_sqlite(connection: sqlite3.Connection, sql: str) -> Any:
    connection.row_factory = lambda cursor, row: dict(zip([it[0] for it in cursor.description], row, strict=True))
    return connection.execute(sql).fetchone()["changes"]


def values_of_sqlite(connection: sqlite3.Connection, sql: str) -> Any:
    connection.row_factory = lambda _cursor, row: row[1]
    return connection.execute(sql).fetchone()


def mappings_of_psycopg(connection: Any, sql: str) -> Any:
    with connection.cursor(row_factory=import_module("psycopg.rows").dict_row) as cursor:
        return cursor.execute(sql).fetchone()["changes"]


def mappings_of_pymysql(connection: Any, sql: str) -> Any:
    with connection.cursor(import_module("pymysql.cursors").DictCursor) as cursor:
        cursor.execute(sql)
        return cursor.fetchone()["changes"]


def change(asked: Asked, *, guarded: bool) -> Callable[[Any], None]:
    """Read, compute, write; or have the database compute."""

    def changed(dbapi_connection: Any) -> None:
        changes = asked(dbapi_connection, "SELECT id, changes FROM settings WHERE id = 1")
        value = "changes + 1" if guarded else changes + 1
        dbapi_connection.cursor().execute(f"UPDATE settings SET changes = {value} WHERE id = 1")
        dbapi_connection.commit()

    return changed


@pytest.mark.parametrize(
    ("asked", "db"),
    [
        (mappings_of_sqlite, "sqlite"),
        (values_of_sqlite, "sqlite"),
        pytest.param(mappings_of_psycopg, "postgresql", marks=pytest.mark.slow),
        pytest.param(mappings_of_pymysql, "mariadb", marks=pytest.mark.slow),
    ],
)
def test_rows_in_another_form(asked: Asked, db: str) -> None:
    for guarded in (False, True):
        operation = Operation(change(asked, guarded=guarded))
        report = prove.explore(Scenario(operation, metadata=Base.metadata, setup=seed), db=db)
        names = [finding.anomaly for finding in report.findings]
        assert names == ([] if guarded else ["lost update"]), str(report)


# What the program makes of all its rows, acidity meets when it asks something over the same connection


def psycopg_of_mappings(dsn: str) -> Any:
    return import_module("psycopg").connect(dsn, row_factory=import_module("psycopg.rows").dict_row)


def psycopg_of_objects(dsn: str) -> Any:
    return import_module("psycopg").connect(dsn, row_factory=import_module("psycopg.rows").class_row(Changes))


def psycopg2_of_mappings(dsn: str) -> Any:
    cursor = import_module("psycopg2.extras").RealDictCursor
    return import_module("psycopg2").connect(dsn, cursor_factory=cursor)


def pymysql_of_mappings(dsn: dict[str, Any]) -> Any:
    return import_module("pymysql").connect(**dsn, cursorclass=import_module("pymysql.cursors").DictCursor)


def mysqlclient_of_mappings(dsn: dict[str, Any]) -> Any:
    return import_module("MySQLdb").connect(**dsn, cursorclass=import_module("MySQLdb.cursors").DictCursor)


class Changes:
    """A row as an object."""

    def __init__(self, changes: int) -> None:
        self.changes = changes


CONNECTIONS = [
    pytest.param(psycopg_of_mappings, "postgresql"),
    pytest.param(psycopg_of_objects, "postgresql", marks=pytest.mark.slow),
    pytest.param(psycopg2_of_mappings, "postgresql+psycopg2", marks=pytest.mark.slow),
    pytest.param(pymysql_of_mappings, "mariadb"),
    pytest.param(mysqlclient_of_mappings, "mariadb+mysqldb", marks=pytest.mark.mysqlclient),
]


def change_over(connect: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Read, compute, write, over a connection of the program's own; two callers wait for each other's row."""

    def changed(dsn: Any) -> None:
        with closing(connect(dsn)) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT changes FROM settings WHERE id = 1")
            row = cursor.fetchone()
            changes = row["changes"] if isinstance(row, dict) else row.changes
            cursor.execute(f"UPDATE settings SET changes = {changes + 1} WHERE id = 1")
            connection.commit()

    return changed


@pytest.mark.dear
@pytest.mark.parametrize(("connect", "db"), CONNECTIONS)
def test_all_rows_in_another_form(connect: Callable[[Any], Any], db: str) -> None:
    scenario = Scenario(Operation(change_over(connect)), metadata=Base.metadata, setup=seed)
    report = prove.explore(scenario, db=db)
    assert ([finding.anomaly for finding in report.findings], report.unknowns) == (["lost update"], ()), str(report)


OPEN: list[Any] = []  # as a pool keeps its connections


def lock_and_leave(dsn: Any) -> None:
    """A lock of the session outlives the transaction."""
    OPEN.append(psycopg_of_mappings(dsn))
    cursor = OPEN[-1].cursor()
    cursor.execute("SELECT pg_advisory_lock(1)")
    cursor.execute("UPDATE settings SET changes = 1")
    OPEN[-1].commit()


@pytest.mark.slow
def test_what_is_left_is_seen_in_another_form() -> None:
    scenario = Scenario(Operation(lock_and_leave), metadata=Base.metadata, setup=seed)
    try:
        report = prove.drill(scenario, db="postgresql", faults=["error-before"], remedies=False)
    finally:
        OPEN.clear()  # acidity has closed them
    assert "leaked" in {finding.word for finding in report.findings}, str(report)


# Values


def rewrite(session: Session) -> None:
    """Read a document, change it, write it."""
    setting = session.get_one(Setting, 1)
    setting.document = setting.document | {"a": setting.document["a"] + 1}
    session.commit()


async def rewrite_async(async_session: Any) -> None:
    """The same in a coroutine."""
    setting = await async_session.get_one(Setting, 1)
    setting.document = setting.document | {"a": setting.document["a"] + 1}
    await async_session.commit()


def rewrite_locked(session: Session) -> None:
    """The row is locked first."""
    session.execute(text("UPDATE settings SET changes = changes + 1 WHERE id = 1"))
    rewrite(session)


@pytest.mark.dear
@pytest.mark.parametrize(
    ("operation", "db"),
    [
        (rewrite, "postgresql"),
        pytest.param(rewrite_async, "postgresql+asyncpg", marks=pytest.mark.slow),
        pytest.param(rewrite, "postgresql+psycopg2", marks=pytest.mark.slow),
        pytest.param(rewrite, "mariadb", marks=pytest.mark.slow),
        pytest.param(rewrite, "sqlite", marks=pytest.mark.slow),
    ],
)
def test_values_of_another_type(operation: Any, db: str) -> None:
    """A driver gives JSON as text, another one what it holds."""
    report = prove.explore(Scenario(Operation(operation), metadata=Base.metadata, setup=seed), db=db)
    assert [finding.anomaly for finding in report.findings] == ["lost update"], str(report)


@pytest.mark.slow
@pytest.mark.parametrize("db", ["postgresql", "mariadb", "sqlite"])
def test_values_of_another_type_under_a_lock(db: str) -> None:
    scenario = Scenario(Operation(rewrite_locked), metadata=Base.metadata, setup=seed)
    assert prove.explore(scenario, db=db).verdict == "pass"
