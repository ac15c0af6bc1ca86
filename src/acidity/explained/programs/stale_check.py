"""ACI308: there was enough when somebody looked."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item
from acidity.prove import Operation, Scenario


def sell(session: Session, pieces: int) -> bool:
    """Look whether there is enough, then take it."""
    with session.begin():
        enough = (session.scalar(select(Item.stock).where(Item.id == 1)) or 0) >= pieces
        if enough:
            session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - pieces))
        return enough


def sell_mended(session: Session, pieces: int) -> bool:
    """Check in the statement that takes it, and look how many rows it has changed."""
    with session.begin():
        there = (Item.id == 1) & (Item.stock >= pieces)
        taking = update(Item).where(there).values(stock=Item.stock - pieces)
        return session.connection().execute(taking).rowcount == 1


wrong = Scenario(Operation(sell, 6), **SHOP)
mended = Scenario(Operation(sell_mended, 6), **SHOP)
