"""A number that the database hands out is the same in every run, whatever the runs before it have burnt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection

from acidity import prove
from acidity.prove import Scenario

ONE_FAULT: Any = {"faults": ("error-before",), "remedies": False}
ENGINES = ("sqlite", "postgresql", "mariadb")
KEYED = {"sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT", "postgresql": "SERIAL", "mariadb": "INT AUTO_INCREMENT"}


def orders(connection: Connection) -> None:
    """A key that the database makes, in the default schema; its copy is in a column that refers to nothing."""
    number = KEYED[connection.dialect.name]
    own = "" if "PRIMARY" in number else ", PRIMARY KEY (id)"
    connection.execute(text(f"CREATE TABLE orders (id {number}, what VARCHAR(20){own})"))
    connection.execute(text("CREATE TABLE mails (id INT PRIMARY KEY, order_number INT)"))


def orders_apart(connection: Connection) -> None:
    """The same with orders in a schema of their own, numbered by an identity column."""
    connection.execute(text("CREATE SCHEMA shop"))
    number = {"postgresql": "INT GENERATED ALWAYS AS IDENTITY", "mariadb": "INT AUTO_INCREMENT"}
    kind = number[connection.dialect.name]
    connection.execute(text(f"CREATE TABLE shop.orders (id {kind}, what VARCHAR(20), PRIMARY KEY (id))"))
    connection.execute(text("CREATE TABLE mails (id INT PRIMARY KEY, order_number INT)"))


def numbered(connection: Connection) -> None:
    """A sequence on its own, which no table has."""
    connection.execute(text("CREATE SEQUENCE numbers"))
    connection.execute(text("CREATE TABLE mails (id INT PRIMARY KEY, order_number INT)"))


def _mails(connection: Connection, table: str) -> None:
    made = connection.execute(text(f"INSERT INTO {table} (what) VALUES ('book') RETURNING id")).scalar_one()
    connection.execute(text("INSERT INTO mails VALUES (1, :number)"), {"number": made})


def copies_a_key(connection: Connection) -> None:
    _mails(connection, "orders")
    connection.commit()


def burns_a_key_first(connection: Connection) -> None:
    connection.execute(text("INSERT INTO orders (what) VALUES ('nothing')"))
    connection.rollback()
    _mails(connection, "orders")
    connection.commit()


def copies_a_key_of_another_schema(connection: Connection) -> None:
    _mails(connection, "shop.orders")
    connection.commit()


def takes_a_number(connection: Connection) -> None:
    made = connection.execute(text("SELECT nextval('numbers')" if _is_postgresql(connection) else NEXT)).scalar_one()
    connection.execute(text("INSERT INTO mails VALUES (1, :number)"), {"number": made})
    connection.commit()


NEXT = "SELECT nextval(numbers)"


def _is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


CASES = [
    *((db, orders, copies_a_key) for db in ENGINES),
    *((db, orders, burns_a_key_first) for db in ENGINES),
    *((db, orders_apart, copies_a_key_of_another_schema) for db in ENGINES[1:]),
    *((db, numbered, takes_a_number) for db in ENGINES[1:]),
]


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("db", "schema", "operation"), CASES)
def test_a_copied_number_is_the_same_in_every_run(
    db: str, schema: Callable[..., Any], operation: Callable[..., Any]
) -> None:
    report = prove.drill(Scenario(operation, schema=schema), db=db, **ONE_FAULT)
    assert report.verdict == "pass", report
