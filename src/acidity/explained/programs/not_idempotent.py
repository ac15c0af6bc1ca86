"""ACI212: what settles does its work again when it is run again."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item, Order
from acidity.prove import Operation, Scenario


def sell(session: Session) -> None:
    """Write the order; a worker takes the pieces."""
    with session.begin():
        session.add(Order(item_id=1, pieces=2, state="open"))


def work(session: Session) -> None:
    """Take the pieces of every open order, and forget to say so."""
    with session.begin():
        for order in session.scalars(select(Order).where(Order.state == "open")):
            session.get_one(Item, order.item_id).stock -= order.pieces


def work_mended(session: Session) -> None:
    """Say in the same transaction that it is done."""
    with session.begin():
        for order in session.scalars(select(Order).where(Order.state == "open")):
            session.get_one(Item, order.item_id).stock -= order.pieces
            order.state = "done"


wrong = Scenario(Operation(sell), settle=work, **SHOP)
mended = Scenario(Operation(sell), settle=work_mended, **SHOP)
