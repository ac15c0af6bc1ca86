"""ACI310: two callers lock the same two rows, each in its own order."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import Base, Item
from acidity.prove import Operation, Scenario


def seed(session: Session) -> None:
    """Two items, ten pieces of each."""
    session.add_all([Item(id=1, stock=10), Item(id=2, stock=10)])


def move(session: Session, source: int, target: int) -> None:
    """Lock first the item that pieces are taken from, then the one that gets them."""
    with session.begin():
        for item, pieces in ((source, -2), (target, 2)):
            session.execute(update(Item).where(Item.id == item).values(stock=Item.stock + pieces))


def move_mended(session: Session, source: int, target: int) -> None:
    """Lock in the order of the keys, whoever gives and whoever gets."""
    with session.begin():
        for item, pieces in sorted(((source, -2), (target, 2))):
            session.execute(update(Item).where(Item.id == item).values(stock=Item.stock + pieces))


wrong = Scenario(Operation(move, 1, 2), Operation(move, 2, 1), metadata=Base.metadata, setup=seed)
mended = Scenario(Operation(move_mended, 1, 2), Operation(move_mended, 2, 1), metadata=Base.metadata, setup=seed)
