"""The rows that these scripts begin with, and how they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    insert,
    select,
)
from sqlalchemy.engine import Engine

from examples.shown import tables

metadata = MetaData()


def _key() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=False)


accounts = Table(
    "accounts",
    metadata,
    _key(),
    Column("balance", Integer),
    CheckConstraint("balance >= 0", name="chk_balance_positive"),
)
purses = Table("purses", metadata, _key(), Column("balance", Integer))  # without a CHECK
readers = Table("readers", metadata, _key(), Column("email", String(60)))  # without UNIQUE
orders = Table("orders", metadata, _key())
items = Table(
    "order_items",
    metadata,
    Column("order_id", ForeignKey("orders.id")),
    Column("product_id", Integer),
    Column("quantity", Integer),
    Column("price", Integer),
)


@contextmanager
def books(url: str | None) -> Iterator[Engine]:
    """An engine on a database with ₹500 in account 1 and ₹100 in account 2, and order 5001; amounts are whole rupees.

    Args:
        url: of an empty database; by default a new file of SQLite, which is removed at the end.
    """
    with tables(metadata, url) as engine:
        with engine.begin() as connection:
            connection.execute(insert(accounts), [{"id": 1, "balance": 500}, {"id": 2, "balance": 100}])
            connection.execute(insert(purses), [{"id": 1, "balance": 500}])
            connection.execute(insert(orders), [{"id": 5001}])
        yield engine


def look(engine: Engine, table: Table) -> list[tuple[Any, ...]]:
    """What is committed, as another connection sees it."""
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(select(table).order_by(*table.columns))]
    print(f"{table.name}: {found or 'no row'}")
    return found
