"""ACI318: what one transaction has read is written back by the next one, and another caller came in between."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item, Order, every_piece_is_somewhere
from acidity.prove import Operation, Scenario


def sell(session: Session) -> None:
    """Look and commit, as after a page was shown; then write what is left of what was seen."""
    with session.begin():
        stock = session.get_one(Item, 1).stock
    with session.begin():
        session.execute(update(Item).where(Item.id == 1).values(stock=stock - 2))
        session.add(Order(item_id=1, pieces=2))


def sell_mended(session: Session) -> None:
    """Whatever was shown, take of what there is now, by an amount."""
    with session.begin():
        session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2))
        session.add(Order(item_id=1, pieces=2))


SEVERAL: dict[str, Any] = {"commits": "several", "invariants": [every_piece_is_somewhere], **SHOP}
wrong = Scenario(Operation(sell), **SEVERAL)
mended = Scenario(Operation(sell_mended), **SEVERAL)
