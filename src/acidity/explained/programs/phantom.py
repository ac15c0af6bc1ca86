"""ACI303: an item may have two orders; two callers count one, and each adds one."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import Base, Item, Order
from acidity.prove import Operation, Scenario


def seed(session: Session) -> None:
    """One item with one order."""
    session.add(Item(id=1, stock=10))
    session.flush()
    session.add(Order(item_id=1, pieces=1))


def order(session: Session, pieces: int) -> bool:
    """Count the orders, and add one if there are fewer than two."""
    with session.begin():
        orders = session.scalar(select(func.count()).select_from(Order).where(Order.item_id == 1)) or 0
        if orders < 2:
            session.add(Order(item_id=1, pieces=pieces))
        return orders < 2


def order_mended(session: Session, pieces: int) -> bool:
    """Lock the item first: rows that are not there yet cannot be locked, the row that they belong to can."""
    with session.begin():
        session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock))
        orders = session.scalar(select(func.count()).select_from(Order).where(Order.item_id == 1)) or 0
        if orders < 2:
            session.add(Order(item_id=1, pieces=pieces))
        return orders < 2


wrong = Scenario(Operation(order, 2), Operation(order, 3), metadata=Base.metadata, setup=seed)
mended = Scenario(Operation(order_mended, 2), Operation(order_mended, 3), metadata=Base.metadata, setup=seed)
