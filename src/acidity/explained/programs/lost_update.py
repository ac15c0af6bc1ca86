"""ACI301: two callers read one stock, and each writes what it has computed of it."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item
from acidity.prove import Operation, Scenario


def sell(session: Session, pieces: int) -> None:
    """Read, compute in Python, and write the result."""
    with session.begin():
        session.get_one(Item, 1).stock -= pieces


def sell_mended(session: Session, pieces: int) -> None:
    """Let the database compute: it takes the stock that is there when it writes."""
    with session.begin():
        session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - pieces))


wrong = Scenario(Operation(sell, 2), Operation(sell, 3), **SHOP)
mended = Scenario(Operation(sell_mended, 2), Operation(sell_mended, 3), **SHOP)
