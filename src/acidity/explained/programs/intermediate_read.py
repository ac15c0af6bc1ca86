"""ACI312: a caller reads a number that another one corrects before it commits."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item
from acidity.prove import Operation, Scenario


def sell_and_correct(session: Session, pieces: int) -> None:
    """The other caller: it takes too much, notices, and puts some of it back, all in one transaction."""
    with session.begin():
        session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2 * pieces))
        session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock + pieces))


def in_stock(session: Session) -> int:
    """Read without waiting for anybody, and without caring what is committed."""
    session.connection(execution_options={"isolation_level": "READ UNCOMMITTED"})
    return session.scalar(select(Item.stock).where(Item.id == 1)) or 0


def in_stock_mended(session: Session) -> int:
    """Read what is committed; that waits for nobody either."""
    session.connection(execution_options={"isolation_level": "READ COMMITTED"})
    return session.scalar(select(Item.stock).where(Item.id == 1)) or 0


wrong = Scenario(Operation(sell_and_correct, 2), Operation(in_stock), **SHOP)
mended = Scenario(Operation(sell_and_correct, 2), Operation(in_stock_mended), **SHOP)
