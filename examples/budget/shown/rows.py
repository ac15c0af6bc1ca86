"""The rows that these scripts begin with, and how they are looked at; amounts are whole paise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, func, insert, select
from sqlalchemy.engine import Connection, Engine

from examples.shown import tables

metadata = MetaData()
categories = Table(
    "categories",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("user_id", Integer, nullable=False),
    Column("name", String(20), nullable=False),
)
expenses = Table(
    "expenses",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    Column("amount", Integer, nullable=False),
)
ALICE, BOB = 71, 72
FOOD, TRAVEL, BOBS_RENT = 1, 2, 3
AMOUNT = 2510
Rows = dict[str, tuple[int, int]]


@contextmanager
def budget(url: str | None, **options: Any) -> Iterator[Engine]:
    """An engine on a database in which Alice has spent ₹100.30 on Food and ₹52.79 on Travel, and Bob ₹1,200 on Rent.

    Args:
        url: of an empty database; by default a new file of SQLite, which is removed at the end.
        **options: of the engine.
    """
    with tables(metadata, url, **options) as engine:
        with engine.begin() as connection:
            for number, user, name, amount in (
                (FOOD, ALICE, "Food", 10030),
                (TRAVEL, ALICE, "Travel", 5279),
                (BOBS_RENT, BOB, "Rent", 120000),
            ):
                connection.execute(insert(categories).values(id=number, user_id=user, name=name))
                spend(connection, number, amount)
        yield engine


def spend(connection: Connection, category: int, paise: int | None) -> None:
    """One row; the database refuses an amount of NULL."""
    connection.execute(insert(expenses).values(category_id=category, amount=paise))


def look(engine: Engine) -> Rows:
    """What is committed, as another connection sees it: by category how many rows there are, and their sum."""
    rows = (
        select(categories.c.name, func.count(expenses.c.id), func.coalesce(func.sum(expenses.c.amount), 0))
        .outerjoin(expenses, expenses.c.category_id == categories.c.id)
        .group_by(categories.c.id, categories.c.name)
        .order_by(categories.c.id)
    )
    with engine.connect() as connection:
        found = {name: (count, int(paise)) for name, count, paise in connection.execute(rows)}
    for name, (count, paise) in found.items():
        print(f"  {name}  {'1 row' if count == 1 else f'{count} rows'}, ₹{paise // 100:,}.{paise % 100:02}")
    return found
