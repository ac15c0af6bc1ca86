"""ACI304: what is shown and what is counted on are read one after the other."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item
from acidity.prove import Operation, Scenario


def sell(session: Session, pieces: int) -> None:
    """The other caller, which is right."""
    with session.begin():
        session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - pieces))


def offer(session: Session) -> tuple[int, int]:
    """Read the stock to show it, and once more to say how many may be ordered."""
    with session.begin():
        shown = session.scalar(select(Item.stock).where(Item.id == 1)) or 0
        offered = session.scalar(select(Item.stock).where(Item.id == 1)) or 0
        return shown, offered


def offer_mended(session: Session) -> tuple[int, int]:
    """Read it once, and use that."""
    with session.begin():
        stock = session.scalar(select(Item.stock).where(Item.id == 1)) or 0
        return stock, stock


wrong = Scenario(Operation(sell, 2), Operation(offer), **SHOP)
mended = Scenario(Operation(sell, 2), Operation(offer_mended), **SHOP)
