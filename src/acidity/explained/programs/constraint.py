"""ACI251: a foreign key that the engine does not enforce; SQLite does so only where a PRAGMA asks for it."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item, Order
from acidity.prove import Operation, Scenario


def seed(session: Session) -> None:
    """An item, and an order for it."""
    session.add_all([Item(id=1, stock=8), Order(id=7, item_id=1, pieces=2)])


def withdraw(session: Session, item: int) -> None:
    """Delete the item; its orders stay behind."""
    with session.begin():
        session.execute(delete(Item).where(Item.id == item))


def withdraw_mended(session: Session, item: int) -> None:
    """Delete its orders first."""
    with session.begin():
        session.execute(delete(Order).where(Order.item_id == item))
        session.execute(delete(Item).where(Item.id == item))


wrong = Scenario(Operation(withdraw, 1), **{**SHOP, "setup": seed})
mended = Scenario(Operation(withdraw_mended, 1), **{**SHOP, "setup": seed})
