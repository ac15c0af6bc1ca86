"""ACI313: two callers write the same two rows; every engine of acidity has the second one wait for the first."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import Base, Item
from acidity.prove import Operation, Scenario


def seed(session: Session) -> None:
    """Two items, ten pieces of each."""
    session.add_all([Item(id=1, stock=10), Item(id=2, stock=10)])


def count_anew(session: Session, stock: int) -> None:
    """Write down a new count of both items, which belong together."""
    with session.begin():
        for item in (1, 2):
            session.execute(update(Item).where(Item.id == item).values(stock=stock))


def count_anew_mended(session: Session, stock: int) -> None:
    """Lock both first, which also keeps others from reading them to write them."""
    with session.begin():
        session.scalars(select(Item).order_by(Item.id).with_for_update()).all()
        for item in (1, 2):
            session.execute(update(Item).where(Item.id == item).values(stock=stock))


wrong = Scenario(Operation(count_anew, 7), Operation(count_anew, 8), metadata=Base.metadata, setup=seed)
mended = Scenario(Operation(count_anew_mended, 7), Operation(count_anew_mended, 8), metadata=Base.metadata, setup=seed)
