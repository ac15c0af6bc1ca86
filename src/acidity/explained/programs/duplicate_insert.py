"""ACI307: look whether there is an order, and add it if there is none."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Order
from acidity.prove import Operation, Scenario


def open_basket(session: Session) -> None:
    """Add a basket unless there is one already."""
    with session.begin():
        if session.scalars(select(Order).where(Order.state == "open")).first() is None:
            session.add(Order(item_id=1, pieces=1, state="open"))


def open_basket_mended(session: Session, basket: int) -> None:
    """Add it under a key that only one can have; whoever comes late finds it there."""
    try:
        with session.begin():
            session.add(Order(id=basket, item_id=1, pieces=1, state="open"))
    except IntegrityError:
        return


wrong = Scenario(Operation(open_basket), **SHOP)
mended = Scenario(Operation(open_basket_mended, 7), **SHOP)
