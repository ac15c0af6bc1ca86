"""The rows that these scripts begin with, and how they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, event, insert, select
from sqlalchemy.engine import Engine

from examples.shown import tables

metadata = MetaData()
customers = Table(
    "customers", metadata, Column("id", Integer, primary_key=True, autoincrement=False), Column("city", String(40))
)
products = Table(
    "products", metadata, Column("id", Integer, primary_key=True, autoincrement=False), Column("stock", Integer)
)
orders = Table(
    "orders",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("customer_id", ForeignKey("customers.id")),
    Column("total", Integer),
    Column("status", String(10), default="placed"),
    Column("payment", String(10), default="authorized"),
)
items = Table(
    "order_items",
    metadata,
    Column("order_id", ForeignKey("orders.id")),
    Column("product_id", ForeignKey("products.id")),
    Column("quantity", Integer),
    Column("price", Integer),
)
invoices = Table("invoices", metadata, Column("order_id", Integer), Column("customer_id", Integer))


@contextmanager
def shop(url: str | None) -> Iterator[Engine]:
    """An engine on a database with customer 1 in Mumbai, and ten pieces of product 12 and five of product 8.

    Amounts are whole rupees.

    Args:
        url: of an empty database; by default a new file of SQLite, which is removed at the end.
    """
    with tables(metadata, url) as engine:
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _check_foreign_keys)
            engine.dispose()  # the connections that it has already
        with engine.begin() as connection:
            connection.execute(insert(customers), [{"id": 1, "city": "Mumbai"}])
            connection.execute(insert(products), [{"id": 8, "stock": 5}, {"id": 12, "stock": 10}])
        yield engine


def look(engine: Engine, table: Table) -> list[tuple[Any, ...]]:
    """What is committed, as another connection sees it."""
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(select(table).order_by(*table.columns))]
    print(f"{table.name}: {found or 'no row'}")
    return found


def _check_foreign_keys(connection: Any, _: object) -> None:
    """SQLite checks them only where it is told to."""
    connection.execute("PRAGMA foreign_keys = ON")
