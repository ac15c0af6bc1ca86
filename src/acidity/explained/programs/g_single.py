"""ACI315: a caller reads a number before it changes, and then what a third one made of the change."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import Base, Item
from acidity.prove import Operation, Scenario


def seed(session: Session) -> None:
    """An item and its copy in the catalogue, ten pieces each."""
    session.add_all([Item(id=1, stock=10), Item(id=2, stock=10)])


def sell(session: Session, pieces: int) -> None:
    """The second caller."""
    with session.begin():
        session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - pieces))


def copy(session: Session) -> None:
    """The third caller: what is in stock goes to the catalogue."""
    with session.begin():
        stock = session.scalar(select(Item.stock).where(Item.id == 1))
        session.execute(update(Item).where(Item.id == 2).values(stock=stock))


def compare(session: Session) -> bool:
    """Whether the catalogue has no fewer pieces than there are, by two queries."""
    with session.begin():
        stock = session.scalar(select(Item.stock).where(Item.id == 1)) or 0
        listed = session.scalar(select(Item.stock).where(Item.id == 2)) or 0
        return listed >= stock


def compare_mended(session: Session) -> bool:
    """The same by one query, which sees one state."""
    with session.begin():
        stock, listed = session.scalars(select(Item.stock).order_by(Item.id))
        return listed >= stock


wrong = Scenario(Operation(sell, 2), Operation(copy), Operation(compare), metadata=Base.metadata, setup=seed)
mended = Scenario(Operation(sell, 2), Operation(copy), Operation(compare_mended), metadata=Base.metadata, setup=seed)
