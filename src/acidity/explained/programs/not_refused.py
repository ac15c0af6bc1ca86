"""ACI205: nobody looks whether there are enough pieces."""

from __future__ import annotations

from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item, Order
from acidity.prove import Operation, Scenario


class SoldOut(Exception):  # noqa: N818 - a name of the shop
    """There are not so many pieces left."""


def sell(session: Session, item: int, pieces: int) -> None:
    """Sell what is not there."""
    with session.begin():
        session.get_one(Item, item).stock -= pieces
        session.add(Order(item_id=item, pieces=pieces))


def sell_mended(session: Session, item: int, pieces: int) -> None:
    """Look first, and change nothing before."""
    with session.begin():
        found = session.get_one(Item, item)
        if found.stock < pieces:
            raise SoldOut
        found.stock -= pieces
        session.add(Order(item_id=item, pieces=pieces))


wrong = Scenario(Operation(sell, 1, 12, raises=SoldOut), **SHOP)
mended = Scenario(Operation(sell_mended, 1, 12, raises=SoldOut), **SHOP)
