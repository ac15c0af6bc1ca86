"""A pool that commits what is open when a connection comes back, in ``finally``: also after an error (sqlspec)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pymysql
from sqlalchemy.engine import Connection

from acidity.prove import Operation


def schema(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE seat (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL)")
    connection.exec_driver_sql("CREATE TABLE ticket (id INTEGER PRIMARY KEY)")


def _opened(dsn: Any) -> Any:
    if isinstance(dsn, dict):
        return pymysql.connect(**dsn)
    return psycopg.connect(dsn) if dsn.startswith("postgresql") else sqlite3.connect(dsn)


@contextmanager
def _commits_in_finally(dsn: Any) -> Iterator[Any]:
    with closing(_opened(dsn)) as connection:
        try:
            yield connection.cursor()
        finally:
            connection.commit()  # <- also after an error


@contextmanager
def _commits_at_the_end(dsn: Any) -> Iterator[Any]:
    with closing(_opened(dsn)) as connection:
        yield connection.cursor()
        connection.commit()


def _book(pool: Any, dsn: Any) -> None:
    with pool(dsn) as cursor:
        cursor.execute("INSERT INTO seat VALUES (1, 7)")
        cursor.execute("INSERT INTO ticket VALUES (1)")


def commits_always(dsn: Any) -> None:
    _book(_commits_in_finally, dsn)


def commits_if_all_went_well(dsn: Any) -> None:
    _book(_commits_at_the_end, dsn)


SCENARIO = {"schema": schema}
PROGRAMS = {
    "commits_always": (Operation(commits_always, inject="dsn"), SCENARIO),
    "commits_if_all_went_well": (Operation(commits_if_all_went_well, inject="dsn"), SCENARIO),
}
