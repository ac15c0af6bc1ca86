"""A script on a bare driver whose connection commits every statement by itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import psycopg
import pymysql

from acidity.core.cause import CauseKind
from acidity.prove import Operation
from tests.quality.apps.shop import App


def opened(dsn: Any) -> Any:
    if isinstance(dsn, dict):
        return pymysql.connect(**dsn, autocommit=True)
    if dsn.startswith("postgresql"):
        return psycopg.connect(dsn, autocommit=True)
    return sqlite3.connect(dsn, isolation_level=None)


def sell(dsn: Any, count: int) -> None:
    with closing(opened(dsn)) as connection:
        cursor = connection.cursor()
        cursor.execute(f"UPDATE products SET stock = stock - {count} WHERE id = 1")  # <- permanent at once
        cursor.execute(f"INSERT INTO orders (id, product_id, items) VALUES (1, 1, {count})")


def sell_in_one(dsn: Any, count: int) -> None:
    with closing(opened(dsn)) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute(f"UPDATE products SET stock = stock - {count} WHERE id = 1")
        cursor.execute(f"INSERT INTO orders (id, product_id, items) VALUES (1, 1, {count})")
        cursor.execute("COMMIT")


APP = App(
    Operation(sell, 2, inject="dsn"),
    Operation(sell_in_one, 2, inject="dsn"),
    CauseKind.AUTOCOMMIT,
    "<- permanent at once",
    ("sell",),
    "begin",
)
