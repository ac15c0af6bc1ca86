"""The rows that these scripts begin with, and how they are looked at; amounts are whole paise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, insert, select
from sqlalchemy.engine import Engine

from examples.shown import tables

metadata = MetaData()
customers = Table(
    "customers",
    metadata,
    Column("id", String(10), primary_key=True),
    Column("is_active", Boolean),
    Column("wallet", Integer),
)
products = Table(
    "products",
    metadata,
    Column("id", String(10), primary_key=True),
    Column("price", Integer),
    Column("stock", Integer),
    Column("reserved", Integer),
)
orders = Table(
    "orders",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("customer_id", String(10)),
    Column("total", Integer),
    Column("status", String(10)),
)
items = Table(
    "order_items",
    metadata,
    Column("order_id", String(40), primary_key=True),
    Column("quantity", Integer),
    Column("price", Integer),
)
PRICE = 28000
Rows = list[str]


@contextmanager
def shop(url: str | None, wallet: int = 100000) -> Iterator[Engine]:
    """An engine on a database in which C001 has ₹1,000, and P001 costs ₹280 and is there ten times.

    Args:
        url: of an empty database; by default a new file of SQLite, which is removed at the end.
        wallet: how much C001 has.
    """
    with tables(metadata, url) as engine:
        with engine.begin() as connection:
            connection.execute(insert(customers).values(id="C001", is_active=True, wallet=wallet))
            connection.execute(insert(products).values(id="P001", price=PRICE, stock=10, reserved=0))
        yield engine


def look(engine: Engine) -> Rows:
    """What is committed, as another connection sees it, in a line for each row."""
    with engine.connect() as connection:
        found = [
            f"{row.id}: {rupees(row.wallet)}{'' if row.is_active else ', not active'}"
            for row in connection.execute(select(customers))
        ]
        found += [
            f"{row.id}: {rupees(row.price)}, {row.stock} in stock, {row.reserved} held"
            for row in connection.execute(select(products))
        ]
        found += [f"{row.id}: {rupees(row.total)}, {row.status}" for row in connection.execute(select(orders))]
        found += [
            f"item of {row.order_id}: {row.quantity} at {rupees(row.price)}"
            for row in connection.execute(select(items))
        ]
    print("\n".join(f"  {line}" for line in found))
    return found


def rupees(paise: int) -> str:
    """An amount for people."""
    return f"{'-' if paise < 0 else ''}₹{abs(paise) // 100:,}"
