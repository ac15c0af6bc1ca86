"""A driver's store that sends a statement again on a new connection, also in the middle of a transaction (dbt-adapters)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import psycopg2
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from acidity.prove import Operation

GONE = (sqlite3.ProgrammingError, sqlite3.OperationalError, psycopg2.OperationalError, psycopg2.InterfaceError)
STEPS = ("INSERT INTO model VALUES (1)", "INSERT INTO build VALUES (1)")


def schema(connection: Connection) -> None:
    for table in ("model", "build"):
        connection.exec_driver_sql(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")


def each_model_is_built(session: Session) -> bool:
    models, builds = (
        session.connection().exec_driver_sql(f"SELECT id FROM {table}").all() for table in ("model", "build")
    )
    return models == builds


def _opened(dsn: str) -> Any:
    return psycopg2.connect(dsn) if dsn.startswith("postgresql") else sqlite3.connect(dsn)


def again_on_a_new_connection(dsn: str) -> None:
    connection = _opened(dsn)
    for sql in STEPS:
        try:
            connection.cursor().execute(sql)
        except GONE:
            connection.close()
            connection = _opened(dsn)
            connection.cursor().execute(sql)  # <- sent again
    connection.commit()
    connection.close()


def again_from_the_start(dsn: str) -> None:
    for attempt in (1, 2):
        with closing(_opened(dsn)) as connection:
            try:
                for sql in STEPS:
                    connection.cursor().execute(sql)
            except GONE:
                if attempt == 2:
                    raise
            else:
                connection.commit()
                return


SCENARIO = {"schema": schema, "invariants": [each_model_is_built]}
PROGRAMS = {
    "again_on_a_new_connection": (Operation(again_on_a_new_connection, inject="dsn"), SCENARIO),
    "again_from_the_start": (Operation(again_from_the_start, inject="dsn"), SCENARIO),
}
