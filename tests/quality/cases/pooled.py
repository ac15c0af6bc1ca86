"""A pool that commits what is open when a connection comes back, in ``finally``: also after an error (sqlspec)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pymysql
from sqlalchemy.engine import Connection

from acidity.core.cause import CauseKind
from acidity.prove import Operation
from tests.quality.cases import TORN, Case


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


ENGINES, FAULTS = ("sqlite", "postgresql", "mariadb"), ("error-before", "error-after")
CASES = (
    Case(
        Operation(commits_always, inject="dsn"),
        {"schema": schema},
        ENGINES,
        FAULTS,
        TORN,
        CauseKind.SWALLOWED_ERROR,
        "<- also after an error",
        "roll-back-on-error",
    ),
    Case(Operation(commits_if_all_went_well, inject="dsn"), {"schema": schema}, ENGINES, FAULTS),
)
