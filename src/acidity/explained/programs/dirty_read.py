"""ACI306: a caller counts while another one moves pieces from one item to the other."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import Base, Item
from acidity.prove import Operation, Scenario


def seed(session: Session) -> None:
    """Two items, ten pieces of each."""
    session.add_all([Item(id=1, stock=10), Item(id=2, stock=10)])


def move(session: Session, pieces: int) -> None:
    """The other caller: pieces of one item become pieces of the other."""
    with session.begin():
        session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - pieces))
        session.execute(update(Item).where(Item.id == 2).values(stock=Item.stock + pieces))


def in_stock(session: Session) -> int:
    """Count without waiting for anybody, and without caring what is committed."""
    session.connection(execution_options={"isolation_level": "READ UNCOMMITTED"})
    return int(session.scalar(select(func.sum(Item.stock))) or 0)


def in_stock_mended(session: Session) -> int:
    """Count what is committed; that waits for nobody either."""
    session.connection(execution_options={"isolation_level": "READ COMMITTED"})
    return int(session.scalar(select(func.sum(Item.stock))) or 0)


wrong = Scenario(Operation(move, 2), Operation(in_stock), metadata=Base.metadata, setup=seed)
mended = Scenario(Operation(move, 2), Operation(in_stock_mended), metadata=Base.metadata, setup=seed)
