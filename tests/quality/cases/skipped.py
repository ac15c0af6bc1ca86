"""A loader that rolls everything back to skip one bad row, and counts what is gone as loaded (drt)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import psycopg
import pymysql
from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from acidity.prove import Operation

ROWS = ({"id": 1, "n": 1}, {"id": 2, "n": None}, {"id": 3, "n": 3})


def schema(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE loaded (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
    connection.exec_driver_sql("CREATE TABLE summary (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")


def the_summary_counts_the_rows(session: Session) -> bool:
    rows = session.scalar(text("SELECT count(*) FROM loaded"))
    return rows == session.scalar(text("SELECT coalesce(sum(n), 0) FROM summary"))


def rolls_all_back(engine: Engine) -> None:
    with engine.connect() as connection:
        count = 0
        for row in ROWS:
            try:
                connection.execute(text("INSERT INTO loaded VALUES (:id, :n)"), row)
                count += 1
            except IntegrityError:
                connection.rollback()
        connection.execute(text("INSERT INTO summary VALUES (1, :n)"), {"n": count})
        connection.commit()  # <- commits what is left


def rolls_one_row_back(dsn: Any) -> int:
    """Each row for itself, on a driver of one's own: SQLAlchemy's begins no transaction before a savepoint."""
    count = 0
    with closing(_opened(dsn)) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        for row in ROWS:
            cursor.execute("SAVEPOINT one_row")
            try:
                cursor.execute(f"INSERT INTO loaded VALUES ({row['id']}, {row['n'] or 'NULL'})")
            except (sqlite3.Error, psycopg.Error, pymysql.Error):
                cursor.execute("ROLLBACK TO SAVEPOINT one_row")
            else:
                cursor.execute("RELEASE SAVEPOINT one_row")
                count += 1
        cursor.execute(f"INSERT INTO summary VALUES (1, {count})")
        cursor.execute("COMMIT")
    return count


def _opened(dsn: Any) -> Any:
    if isinstance(dsn, dict):
        return pymysql.connect(**dsn)
    if dsn.startswith("postgresql"):
        return psycopg.connect(dsn, autocommit=True)
    return sqlite3.connect(dsn, isolation_level=None)


SCENARIO = {"schema": schema, "invariants": [the_summary_counts_the_rows]}
EACH_ROW = {"inject": "dsn", "partial": ("loaded",), "succeeded": lambda _: True}
PROGRAMS = {
    "rolls_all_back": (rolls_all_back, SCENARIO),
    "rolls_one_row_back": (Operation(rolls_one_row_back, **EACH_ROW), SCENARIO),
}
