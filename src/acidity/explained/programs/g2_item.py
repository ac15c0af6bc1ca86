"""ACI316: three callers go in a circle, each by a row that the next one changes."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import Base, Item
from acidity.prove import Operation, Scenario


def seed(session: Session) -> None:
    """Three items in three shops."""
    session.add_all([Item(id=1, stock=10), Item(id=2, stock=20), Item(id=3, stock=30)])


def follow(session: Session, leader: int, item: int) -> None:
    """Keep one piece more than another shop has."""
    with session.begin():
        stock = session.scalar(select(Item.stock).where(Item.id == leader)) or 0
        session.execute(update(Item).where(Item.id == item).values(stock=stock + 1))


def follow_mended(session: Session, leader: int, item: int) -> None:
    """Lock every row that decides or changes, in the order of their keys."""
    with session.begin():
        rows = session.scalars(select(Item).order_by(Item.id).with_for_update()).all()
        stocks = {row.id: row.stock for row in rows}
        session.execute(update(Item).where(Item.id == item).values(stock=stocks[leader] + 1))


ROUND = ((1, 2), (2, 3), (3, 1))
wrong = Scenario(*(Operation(follow, *each) for each in ROUND), metadata=Base.metadata, setup=seed)
mended = Scenario(*(Operation(follow_mended, *each) for each in ROUND), metadata=Base.metadata, setup=seed)
