"""ACI309: two settings that belong together are written in two transactions."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import Base, Item
from acidity.prove import Operation, Scenario


def seed(session: Session) -> None:
    """Two items, ten pieces of each."""
    session.add_all([Item(id=1, stock=10), Item(id=2, stock=10)])


def count_anew(session: Session, stock: int) -> None:
    """Write down a new count of both items, one transaction for each."""
    for item in (1, 2):
        with session.begin():
            session.execute(update(Item).where(Item.id == item).values(stock=stock))


def count_anew_mended(session: Session, stock: int) -> None:
    """Write down both in one transaction."""
    with session.begin():
        for item in (1, 2):
            session.execute(update(Item).where(Item.id == item).values(stock=stock))


wrong = Scenario(Operation(count_anew, 7), Operation(count_anew, 8), metadata=Base.metadata, setup=seed)
mended = Scenario(Operation(count_anew_mended, 7), Operation(count_anew_mended, 8), metadata=Base.metadata, setup=seed)
