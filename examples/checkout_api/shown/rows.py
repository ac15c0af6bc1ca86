"""The rows that these scripts begin with, the gateway, and how they are looked at; amounts are whole paise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Engine

from examples.shown import tables

metadata = MetaData()
products = Table(
    "products",
    metadata,
    Column("id", String(10), primary_key=True),
    Column("price", Integer),
    Column("stock", Integer),
)
orders = Table(
    "orders",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("total", Integer),
)
items = Table(
    "order_items",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("quantity", Integer),
    Column("price", Integer),
)
PRICE = 28000
Found = list[str]


class CommitFailedError(Exception):
    """The database refuses COMMIT."""


class DeclinedError(Exception):
    """The gateway says no."""


class Gateway:
    """Takes money, and cannot give it back."""

    def __init__(self) -> None:
        self.charged: list[int] = []

    def charge(self, amount: int, card: str) -> None:
        """Take it, unless the card is declined; where the answer is lost it has been taken all the same.

        Raises:
            DeclinedError: it was not taken.
            ConnectionError: nobody heard.
        """
        if card == "declined":
            raise DeclinedError
        self.charged.append(amount)
        if card == "lost":
            raise ConnectionError


@contextmanager
def shop(url: str | None) -> Iterator[tuple[Engine, Gateway]]:
    """An engine on a database in which P001 costs ₹280 and is there ten times, and a gateway.

    Args:
        url: of an empty database; by default a new file of SQLite, which is removed at the end.
    """
    with tables(metadata, url) as engine:
        with engine.begin() as connection:
            connection.execute(insert(products).values(id="P001", price=PRICE, stock=10))
        yield engine, Gateway()


def add_order(connection: Connection) -> None:
    """Two pieces of P001 as order O-1."""
    connection.execute(insert(orders).values(id="O-1", total=2 * PRICE))
    connection.execute(insert(items).values(order_id="O-1", quantity=2, price=PRICE))
    connection.execute(update(products).values(stock=products.c.stock - 2))


@contextmanager
def refused_commits(engine: Engine) -> Iterator[None]:
    """COMMIT fails meanwhile, as it does when the disk is full or the connection is lost."""

    def refuse(_: Connection) -> None:
        raise CommitFailedError

    event.listen(engine, "commit", refuse)
    try:
        yield
    finally:
        event.remove(engine, "commit", refuse)


def look(engine: Engine, gateway: Gateway) -> Found:
    """What is committed, as another connection sees it, and what was charged."""
    with engine.connect() as connection:
        found = [f"{row.id}: {row.stock} in stock" for row in connection.execute(select(products))]
        found += [f"{row.id}: {rupees(row.total)}" for row in connection.execute(select(orders))]
        found += [
            f"item of {row.order_id}: {row.quantity} at {rupees(row.price)}"
            for row in connection.execute(select(items))
        ]
    found += [f"charged: {rupees(amount)}" for amount in gateway.charged]
    print("\n".join(f"  {line}" for line in found))
    return found


def rupees(paise: int) -> str:
    """An amount for people."""
    return f"₹{paise // 100:,}"
