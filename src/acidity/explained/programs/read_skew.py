"""ACI305: one caller moves pieces, another one counts them item by item."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import Base, Item
from acidity.prove import Operation, Scenario


def seed(session: Session) -> None:
    """Two items, ten pieces of each."""
    session.add_all([Item(id=1, stock=10), Item(id=2, stock=10)])


def move(session: Session, pieces: int) -> None:
    """Relabel pieces of the first item as the second; this caller is right."""
    with session.begin():
        session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - pieces))
        session.execute(update(Item).where(Item.id == 2).values(stock=Item.stock + pieces))


def count(session: Session) -> int:
    """Add up row by row."""
    with session.begin():
        first = session.scalar(select(Item.stock).where(Item.id == 1)) or 0
        second = session.scalar(select(Item.stock).where(Item.id == 2)) or 0
        return first + second


def count_mended(session: Session) -> int:
    """Add up in one statement, which sees one state."""
    with session.begin():
        return session.scalar(select(func.sum(Item.stock))) or 0


wrong = Scenario(Operation(move, 2), Operation(count), metadata=Base.metadata, setup=seed)
mended = Scenario(Operation(move, 2), Operation(count_mended), metadata=Base.metadata, setup=seed)
