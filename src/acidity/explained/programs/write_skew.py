"""ACI302: each caller takes an item off the shelf because the other one is still there."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import Base, Item
from acidity.prove import Operation, Scenario


def seed(session: Session) -> None:
    """Two items, one piece of each."""
    session.add_all([Item(id=1, stock=1), Item(id=2, stock=1)])


def take(session: Session, item: int) -> bool:
    """Take the last piece of an item, but not the last item of the shop."""
    with session.begin():
        there = session.scalar(select(func.count()).select_from(Item).where(Item.stock > 0)) or 0
        if there > 1:
            session.get_one(Item, item).stock = 0
        return there > 1


def take_mended(session: Session, item: int) -> bool:
    """Lock first whatever decides: an UPDATE that changes nothing does it on every engine."""
    with session.begin():
        session.execute(update(Item).values(stock=Item.stock))
        there = session.scalar(select(func.count()).select_from(Item).where(Item.stock > 0)) or 0
        if there > 1:
            session.get_one(Item, item).stock = 0
        return there > 1


wrong = Scenario(Operation(take, 1), Operation(take, 2), metadata=Base.metadata, setup=seed)
mended = Scenario(Operation(take_mended, 1), Operation(take_mended, 2), metadata=Base.metadata, setup=seed)
