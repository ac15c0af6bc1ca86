"""Programs of several callers that another tool takes, too: plain functions of the driver's own connection.

Both tools call the very same function, with what the driver's ``connect`` takes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Dsn = Any


def connect(dsn: Dsn) -> Any:
    """Open a connection of the driver that this place is for, at the default level of its server."""
    if isinstance(dsn, dict):
        import pymysql

        return pymysql.connect(**dsn)
    if dsn.startswith(("postgresql:", "host=")):
        import psycopg

        return psycopg.connect(dsn)
    return sqlite3.connect(dsn)


def _ask(connection: Any, sql: str) -> Any:
    cursor = connection.cursor()
    cursor.execute(sql)
    row = cursor.fetchone() if cursor.description else None
    cursor.close()
    return row[0] if row else None


def lost_update(dsn: Dsn) -> None:
    """Read, compute, write."""
    connection = connect(dsn)
    try:
        balance = _ask(connection, "SELECT bal FROM acc WHERE id = 1")
        _ask(connection, f"UPDATE acc SET bal = {balance + 1} WHERE id = 1")
        connection.commit()
    finally:
        connection.close()


def for_update(dsn: Dsn) -> None:
    """The same under a lock: right."""
    connection = connect(dsn)
    try:
        balance = _ask(connection, "SELECT bal FROM acc WHERE id = 1 FOR UPDATE")
        _ask(connection, f"UPDATE acc SET bal = {balance + 1} WHERE id = 1")
        connection.commit()
    finally:
        connection.close()


def guarded(dsn: Dsn) -> None:
    """The database computes: right."""
    connection = connect(dsn)
    try:
        _ask(connection, "UPDATE acc SET bal = bal + 1 WHERE id = 1 AND bal >= 0")
        connection.commit()
    finally:
        connection.close()


@dataclass(frozen=True)
class Program:
    """Callers at once on an engine.

    Attributes:
        function: what each calls.
        callers: how many there are.
        db: the engine.
        holds: it is right.
    """

    function: Callable[[Dsn], None]
    callers: int
    db: str
    holds: bool


PROGRAMS = {
    "lost update, PostgreSQL": Program(lost_update, 2, "postgresql", holds=False),
    "FOR UPDATE, PostgreSQL": Program(for_update, 2, "postgresql", holds=True),
    "guarded UPDATE, PostgreSQL": Program(guarded, 2, "postgresql", holds=True),
    "lost update of three, PostgreSQL": Program(lost_update, 3, "postgresql", holds=False),
    "FOR UPDATE of three, PostgreSQL": Program(for_update, 3, "postgresql", holds=True),
    "lost update, MariaDB": Program(lost_update, 2, "mariadb", holds=False),
    "FOR UPDATE, MariaDB": Program(for_update, 2, "mariadb", holds=True),
    "lost update, SQLite": Program(lost_update, 2, "sqlite", holds=False),
}
TABLE = "CREATE TABLE acc (id INT PRIMARY KEY, bal INT NOT NULL)"
ROW = "INSERT INTO acc VALUES (1, 0)"


def put_back(dsn: Dsn) -> None:
    """The row before."""
    connection = connect(dsn)
    _ask(connection, "UPDATE acc SET bal = 0 WHERE id = 1")
    connection.commit()
    connection.close()


def balance(dsn: Dsn) -> int:
    """What is there now."""
    connection = connect(dsn)
    try:
        return int(_ask(connection, "SELECT bal FROM acc WHERE id = 1"))
    finally:
        connection.close()
