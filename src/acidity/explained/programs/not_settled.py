"""ACI211: the worker that settles stumbles over what the operation left for it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item, Order, nothing_is_owed
from acidity.prove import Operation, Scenario


def sell(session: Session) -> None:
    """Note the intent, commit; then carry it out, and commit again."""
    with session.begin():
        session.add(Order(item_id=1, pieces=2, state="open"))
    with session.begin():
        carry_out(session, session.scalars(select(Order)).one())


def carry_out(session: Session, order: Order) -> None:
    """Take the pieces, and say so, in one transaction."""
    session.get_one(Item, order.item_id).stock -= order.pieces
    order.state = "done"


def work(session: Session) -> None:
    """Know only the states that it expects."""
    for order in session.scalars(select(Order)):
        if order.state != "done":
            raise ValueError(order.state)


def work_mended(session: Session) -> None:
    """Carry out what is open."""
    with session.begin():
        for order in session.scalars(select(Order).where(Order.state == "open")):
            carry_out(session, order)


SEVERAL: dict[str, Any] = {"commits": "several", "invariants": [nothing_is_owed], **SHOP}
wrong = Scenario(Operation(sell), settle=work, **SEVERAL)
mended = Scenario(Operation(sell), settle=work_mended, **SEVERAL)
