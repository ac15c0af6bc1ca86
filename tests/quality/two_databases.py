"""An order in one database and the stock it is taken from in another: written in several ways, most of them wrong.

Engines are module-level ones, or come as ``databases``, a mapping by name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping
from contextlib import closing, suppress
from typing import Any
from uuid import uuid4

import psycopg
import pymysql
from sqlalchemy import Integer, String, create_engine, func, insert, select, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.prove import Database, Operation, Scenario

TEA, LEFT, WANTED = 1, 10, 3
Engines = Mapping[str, Engine]


class Orders(DeclarativeBase):
    """The tables of the one."""


class Stock(DeclarativeBase):
    """The tables of the other."""


class Order(Orders):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    item: Mapped[int] = mapped_column(Integer)
    quantity: Mapped[int] = mapped_column(Integer)


class Item(Stock):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    stock: Mapped[int] = mapped_column(Integer)


def fill(session: Session) -> None:
    session.add(Item(id=TEA, name="tea", stock=LEFT))


def nothing_is_lost(sessions: Mapping[str, Session]) -> bool:
    """What was ordered has left the stock."""
    ordered = sessions["orders"].scalar(select(func.coalesce(func.sum(Order.quantity), 0)))
    left = sessions["stock"].scalar(select(Item.stock))
    return bool(ordered + left == LEFT)


def shop(
    function: Callable[..., Any] | Operation, orders: str | None = None, stock: str | None = None, **options: Any
) -> Scenario:
    """The shop, with engines of their own or with that of the check."""
    databases = {
        "orders": Database(metadata=Orders.metadata, db=orders),
        "stock": Database(metadata=Stock.metadata, setup=fill, db=stock),
    }
    return Scenario(function, databases=databases, invariants=[nothing_is_lost], **options)


TAKE = update(Item).where(Item.id == TEA).values(stock=Item.stock - WANTED)


def order() -> Order:
    return Order(item=TEA, quantity=WANTED)


# The anti-pattern: two sessions, two commits


def commit_each(databases: Engines) -> None:
    with Session(databases["orders"]) as orders, Session(databases["stock"]) as stock:
        orders.add(order())
        stock.execute(TAKE)
        orders.commit()
        stock.commit()


def in_blocks(databases: Engines) -> None:
    with Session(databases["stock"]) as stock, stock.begin(), Session(databases["orders"]) as orders, orders.begin():
        stock.execute(TAKE)
        orders.add(order())


async def commit_each_async(async_databases: Mapping[str, AsyncEngine]) -> None:
    async with AsyncSession(async_databases["orders"]) as orders, AsyncSession(async_databases["stock"]) as stock:
        orders.add(order())
        await stock.execute(TAKE)
        await orders.commit()
        await stock.commit()


def takes_if_it_can(databases: Engines) -> None:
    with suppress(Exception), Session(databases["stock"]) as stock, stock.begin():
        stock.execute(TAKE)
    with Session(databases["orders"]) as orders, orders.begin():
        orders.add(order())


def tried_again(databases: Engines) -> None:
    try:
        commit_each(databases)
    except Exception:
        commit_each(databases)


def with_drivers(dsns: Mapping[str, Any]) -> None:
    with closing(connected(dsns["orders"])) as orders, closing(connected(dsns["stock"])) as stock:
        for connection, statement in (
            (orders, "INSERT INTO orders (item, quantity) VALUES (1, 3)"),
            (stock, "UPDATE items SET stock = stock - 3 WHERE id = 1"),
        ):
            with closing(connection.cursor()) as cursor:
                cursor.execute(statement)
        orders.commit()
        stock.commit()


def connected(dsn: Any) -> Any:
    if isinstance(dsn, dict):
        return pymysql.connect(**dsn)
    return psycopg.connect(dsn) if "://" in dsn else sqlite3.connect(dsn)


# One database only


def only_takes(databases: Engines) -> None:
    """Reads the one, and writes to the other: one transaction is enough."""
    with Session(databases["orders"]) as orders:
        known = orders.scalar(select(func.count(Order.id)))
    with Session(databases["stock"]) as stock, stock.begin():
        stock.execute(update(Item).where(Item.id == TEA).values(name=f"tea, {known} orders"))


async def only_takes_async(async_databases: Mapping[str, AsyncEngine]) -> None:
    async with AsyncSession(async_databases["stock"]) as stock, stock.begin():
        await stock.execute(update(Item).where(Item.id == TEA).values(name="green tea"))


# Prepared, but with nobody to decide what a killed process leaves


def two_phases(databases: Engines) -> None:
    """What SQLAlchemy makes of ``twophase=True``."""
    binds = {Orders: databases["orders"], Stock: databases["stock"]}
    with Session(binds=binds, twophase=True) as session, session.begin():
        session.add(order())
        session.execute(TAKE)


# Prepared, decided in a record, and recovered


class Decision(Orders):
    """The transactions that are to be committed, whatever becomes of the process."""

    __tablename__ = "decisions"
    gid: Mapped[str] = mapped_column(String(32), primary_key=True)


def two_phase_commit(databases: Engines) -> None:
    """Whatever goes wrong after the first branch is prepared is left to `recover`."""
    gid = uuid4().hex
    with databases["orders"].connect() as orders, databases["stock"].connect() as stock:
        branches = [orders.begin_twophase(f"{own(databases)}{gid}o"), stock.begin_twophase(f"{own(databases)}{gid}s")]
        orders.execute(insert(Order).values(item=TEA, quantity=WANTED))
        stock.execute(TAKE)
        try:
            for branch in branches:
                branch.prepare()
            with databases["orders"].begin() as record:
                record.execute(insert(Decision).values(gid=gid))
            for branch in branches:
                branch.commit()
        except BaseException:
            orders.invalidate()
            stock.invalidate()
            raise


def recover(
    databases: Engines, only: Collection[str] = ("orders", "stock"), decided: Collection[str] | None = None
) -> None:
    """Commit what was decided, and roll back the rest."""
    if decided is None:
        with databases["orders"].connect() as connection:
            decided = set(connection.scalars(select(Decision.gid)))
    for name in only:
        with databases[name].connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")  # or MariaDB answers XAER_OUTSIDE
            for xid in map(as_text, connection.recover_twophase()):
                if xid.startswith(own(databases)) and xid.endswith(name[0]):
                    chosen = xid[len(own(databases)) : -1] in decided
                    decide = connection.commit_prepared if chosen else connection.rollback_prepared
                    decide(xid, recover=True)


def as_text(xid: Any) -> str:
    """PyMySQL gives bytes."""
    return xid.decode() if isinstance(xid, bytes) else str(xid)


def own(databases: Engines) -> str:
    """What the names of this shop's transactions begin with: a server lists those of all its databases."""
    return str(databases["orders"].url.database)[-8:]


# One commit over two files of SQLite


def attached(databases: Engines) -> None:
    """ATTACH makes one transaction of both files (sqlite.org/atomiccommit.html, 5)."""
    with databases["orders"].connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        other = str(databases["stock"].url.database)
        connection.exec_driver_sql(f"ATTACH '{other}' AS stock")
        try:
            connection.execute(text("BEGIN IMMEDIATE"))
            connection.execute(text("INSERT INTO orders (item, quantity) VALUES (1, 3)"))
            connection.execute(text("UPDATE stock.items SET stock = stock - 3 WHERE id = 1"))
            connection.execute(text("COMMIT"))
        except BaseException:
            connection.invalidate()
            raise


# Module-level engines

orders_engine = create_engine("sqlite:////nowhere/orders.db")
stock_engine = create_engine("sqlite:////nowhere/stock.db")
HERE = __name__
BIND = {"orders": f"{HERE}:orders_engine", "stock": f"{HERE}:stock_engine"}


def with_engines_of_its_own() -> None:
    commit_each({"orders": orders_engine, "stock": stock_engine})


def only_takes_with_engines_of_its_own() -> None:
    only_takes({"orders": orders_engine, "stock": stock_engine})
