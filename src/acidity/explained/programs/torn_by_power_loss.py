"""ACI403: the power goes off between two transactions that belong together."""

from __future__ import annotations

from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item, Order
from acidity.prove import Operation, Scenario


def sell(session: Session, item: int, pieces: int) -> None:
    """Take the pieces, and write the order; each is committed by itself."""
    session.get_one(Item, item).stock -= pieces
    session.commit()
    session.add(Order(item_id=item, pieces=pieces))
    session.commit()


def sell_mended(session: Session, item: int, pieces: int) -> None:
    """Both changes in one transaction."""
    with session.begin():
        session.get_one(Item, item).stock -= pieces
        session.add(Order(item_id=item, pieces=pieces))


DURABLE = {"sqlite": {"synchronous": "extra"}}
wrong = Scenario(Operation(sell, 1, 2), **SHOP, settings=DURABLE)
mended = Scenario(Operation(sell_mended, 1, 2), **SHOP, settings=DURABLE)
