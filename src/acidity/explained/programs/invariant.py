"""ACI252: the change is complete, and yet the books do not add up."""

from __future__ import annotations

from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item, Order, every_piece_is_somewhere
from acidity.prove import Operation, Scenario


def sell(session: Session, item: int, pieces: int) -> None:
    """Take one piece, whatever was ordered."""
    with session.begin():
        session.get_one(Item, item).stock -= 1
        session.add(Order(item_id=item, pieces=pieces))


def sell_mended(session: Session, item: int, pieces: int) -> None:
    """Take what was ordered."""
    with session.begin():
        session.get_one(Item, item).stock -= pieces
        session.add(Order(item_id=item, pieces=pieces))


wrong = Scenario(Operation(sell, 1, 2), invariants=[every_piece_is_somewhere], **SHOP)
mended = Scenario(Operation(sell_mended, 1, 2), invariants=[every_piece_is_somewhere], **SHOP)
