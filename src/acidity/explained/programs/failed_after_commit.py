"""ACI208: an exception leaves the function when everything is committed already."""

from __future__ import annotations

from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item, Order
from acidity.prove import Operation, Scenario


def sell(session: Session, item: int, pieces: int) -> int:
    """Answer with the stock that is left, which is read again after the COMMIT."""
    with session.begin():
        found = session.get_one(Item, item)
        found.stock -= pieces
        session.add(Order(item_id=item, pieces=pieces))
    return found.stock


def sell_mended(session: Session, item: int, pieces: int) -> int:
    """Know the answer before the COMMIT."""
    with session.begin():
        found = session.get_one(Item, item)
        found.stock -= pieces
        session.add(Order(item_id=item, pieces=pieces))
        return found.stock


wrong = Scenario(Operation(sell, 1, 2), **SHOP)
mended = Scenario(Operation(sell_mended, 1, 2), **SHOP)
