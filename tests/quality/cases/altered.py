"""A home-made migration: ALTER TABLE is applied at once, the row that says so comes with a later COMMIT (shelf)."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from acidity.prove import Operation


def schema(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE book (id INTEGER PRIMARY KEY)")
    connection.exec_driver_sql("CREATE TABLE version (number INTEGER PRIMARY KEY)")


def the_version_is_true(session: Session) -> bool:
    ask = session.connection().exec_driver_sql
    shelves = any(column[1] == "shelf" for column in ask("PRAGMA table_info(book)"))
    return shelves == bool(ask("SELECT count(*) FROM version").scalar())


def _migrate(dsn: str, begin: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.execute(begin)
        connection.execute("ALTER TABLE book ADD COLUMN shelf INTEGER")  # <- permanent at once
        connection.execute("INSERT INTO version VALUES (2)")
        connection.commit()


def nothing_begun(dsn: str) -> None:
    _migrate(dsn, "SELECT 1")


def begun(dsn: str) -> None:
    _migrate(dsn, "BEGIN IMMEDIATE")


SCENARIO = {"schema": schema, "invariants": [the_version_is_true]}
PROGRAMS = {
    "nothing_begun": (Operation(nothing_begun, inject="dsn"), SCENARIO),
    "begun": (Operation(begun, inject="dsn"), SCENARIO),
}
