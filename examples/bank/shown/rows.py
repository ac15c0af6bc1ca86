"""The rows that these scripts begin with, and how they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Column, Float, Integer, MetaData, String, Table, insert, select
from sqlalchemy.engine import Engine

from examples.shown import tables

metadata = MetaData()
accounts = Table("accounts", metadata, Column("name", String(20), primary_key=True), Column("balance", Integer))
purses = Table("purses", metadata, Column("owner", String(20), primary_key=True), Column("balance", Float))
Balances = dict[str, int]


@contextmanager
def bank(url: str | None) -> Iterator[Engine]:
    """An engine on a database with ₹5,000 in A and ₹2,000 in B; amounts are whole paise.

    Args:
        url: of an empty database; by default a new file of SQLite, which is removed at the end.
    """
    with tables(metadata, url) as engine:
        with engine.begin() as connection:
            connection.execute(insert(accounts), [{"name": "A", "balance": 500000}, {"name": "B", "balance": 200000}])
            connection.execute(insert(purses), [{"owner": "Rahul", "balance": 0.0}])
        yield engine


def look(engine: Engine) -> Balances:
    """What is committed, as another connection sees it."""
    with engine.connect() as connection:
        found = {row.name: row.balance for row in connection.execute(select(accounts).order_by(accounts.c.name))}
    print("  ".join(f"{name} ₹{paise // 100:,}.{paise % 100:02}" for name, paise in found.items()))
    return found
