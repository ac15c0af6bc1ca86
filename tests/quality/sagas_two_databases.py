"""A saga over two databases: an order is asked for in one, taken from the stock in the other, and done. Most recover.

Each commit is in one database, and both databases together have to be right after each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import String, select
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
    """What is asked for; its number is the caller's, who repeats a call under the same."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(10))


class Carried(Orders):
    """A log: who has carried an order on."""

    __tablename__ = "carried"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int]


class Item(Stock):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    stock: Mapped[int]


class Taken(Stock):
    """Orders whose goods were taken."""

    __tablename__ = "taken"
    order_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


def fill(session: Session) -> None:
    session.add(Item(id=TEA, stock=LEFT))


def goods_are_kept(sessions: Mapping[str, Session]) -> bool:
    """What is missing was taken for an order, once."""
    taken = sessions["stock"].scalars(select(Taken.order_id)).all()
    ordered = set(sessions["orders"].scalars(select(Order.id)))
    return sessions["stock"].get_one(Item, TEA).stock + WANTED * len(taken) == LEFT and ordered >= set(taken)


def done_is_taken(sessions: Mapping[str, Session]) -> bool:
    """Who is told that an order is done can fetch it."""
    taken = set(sessions["stock"].scalars(select(Taken.order_id)))
    return taken >= set(sessions["orders"].scalars(select(Order.id).where(Order.state == "done")))


def shop(function: Any, *own: str, **options: Any) -> Scenario:
    """Both databases, each with the engine of the check or with its own."""
    orders, stock = own or (None, None)
    databases = {
        "orders": Database(metadata=Orders.metadata, db=orders),
        "stock": Database(metadata=Stock.metadata, setup=fill, db=stock),
    }
    return Scenario(Operation(function, 7), databases=databases, invariants=[goods_are_kept, done_is_taken], **options)


# Operations


def ask(databases: Engines, number: int) -> None:
    with Session(databases["orders"]) as session, session.begin():
        session.add(Order(id=number, state="asked"))


def take(databases: Engines, number: int) -> None:
    """Once, however often it is asked."""
    with Session(databases["stock"]) as session, session.begin():
        take_in(session, number)


def take_in(session: Session, number: int) -> None:
    if session.get(Taken, number) is None:
        session.add(Taken(order_id=number))
        session.get_one(Item, TEA).stock -= WANTED
        session.flush()


def note(databases: Engines, number: int) -> None:
    with Session(databases["orders"]) as session, session.begin():
        session.get_one(Order, number).state = "done"


def saga(databases: Engines, number: int) -> None:
    ask(databases, number)
    take(databases, number)
    note(databases, number)


async def saga_async(async_databases: Mapping[str, AsyncEngine], number: int) -> None:
    async with AsyncSession(async_databases["orders"]) as orders, AsyncSession(async_databases["stock"]) as stock:
        async with orders.begin():
            orders.add(Order(id=number, state="asked"))
        async with stock.begin():
            await stock.run_sync(take_in, number)
        async with orders.begin():
            (await orders.get_one(Order, number)).state = "done"


def done_too_early(databases: Engines, number: int) -> None:
    """It ends as it should; on the way both databases together say what is not so."""
    ask(databases, number)
    note(databases, number)
    take(databases, number)


def asks(databases: Engines, number: int) -> None:
    """One commit: the intent."""
    ask(databases, number)


# What recovers or settles


def open_orders(databases: Engines) -> list[int]:
    with Session(databases["orders"]) as session:
        return list(session.scalars(select(Order.id).where(Order.state == "asked")))


def completes(databases: Engines) -> None:
    for number in open_orders(databases):
        take(databases, number)
        note(databases, number)


async def completes_async(async_databases: Mapping[str, AsyncEngine]) -> None:
    async with AsyncSession(async_databases["orders"]) as orders, AsyncSession(async_databases["stock"]) as stock:
        async with orders.begin():
            for order in await orders.scalars(select(Order).where(Order.state == "asked")):
                async with stock.begin():
                    await stock.run_sync(take_in, order.id)
                order.state = "done"


def completes_and_logs(databases: Engines) -> None:
    """The log tells what was carried on from what was not."""
    for number in open_orders(databases):
        take(databases, number)
        with Session(databases["orders"]) as session, session.begin():
            session.get_one(Order, number).state = "done"
            session.add(Carried(order_id=number))


def does_nothing(databases: Engines) -> None:
    """It looks, and leaves it at that."""
    open_orders(databases)


def forgets_the_stock(databases: Engines) -> None:
    """It looks into one database only."""
    for number in open_orders(databases):
        note(databases, number)


def takes_again(databases: Engines) -> None:
    """It does not ask whether the goods were taken."""
    for number in open_orders(databases):
        with Session(databases["stock"]) as session, session.begin():
            session.get_one(Item, TEA).stock -= WANTED
            session.merge(Taken(order_id=number))
        note(databases, number)


def never_notes(databases: Engines) -> None:
    """It takes, and the next time it takes again."""
    for number in open_orders(databases):
        with Session(databases["stock"]) as session, session.begin():
            session.get_one(Item, TEA).stock -= WANTED
            session.merge(Taken(order_id=number))


def gives_up(databases: Engines) -> None:
    if open_orders(databases):
        raise RuntimeError("somebody has to look at this")
