"""ACI204: something that fails after the COMMIT makes the whole look failed."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item, Order
from acidity.prove import Operation, Scenario


def sell(session: Session, item: int, pieces: int) -> bool:
    """Answer False when anything fails: also the question after the COMMIT."""
    try:
        session.get_one(Item, item).stock -= pieces
        session.add(Order(item_id=item, pieces=pieces))
        session.commit()
        return (session.scalar(select(func.count(Order.id))) or 0) > 0
    except SQLAlchemyError:
        session.rollback()
        return False


def sell_mended(session: Session, item: int, pieces: int) -> bool:
    """Nothing comes after the COMMIT, and one without an answer is not called a failure."""
    try:
        session.get_one(Item, item).stock -= pieces
        session.add(Order(item_id=item, pieces=pieces))
        session.flush()
    except SQLAlchemyError:
        session.rollback()
        return False
    try:
        session.commit()
    except SQLAlchemyError:
        session.rollback()
        raise
    return True


wrong = Scenario(Operation(sell, 1, 2), **SHOP)
mended = Scenario(Operation(sell_mended, 1, 2), **SHOP)
