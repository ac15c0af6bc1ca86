"""ACI203: an error is swallowed, and the caller hears nothing of it."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item, Order
from acidity.prove import Operation, Scenario

LOG = logging.getLogger(__name__)


def sell(session: Session, item: int, pieces: int) -> None:
    """Roll back and write a line into the log: the caller goes on as if all were well."""
    try:
        session.get_one(Item, item).stock -= pieces
        session.add(Order(item_id=item, pieces=pieces))
        session.commit()
    except SQLAlchemyError as error:
        session.rollback()
        LOG.debug("not sold: %s", error)


def sell_mended(session: Session, item: int, pieces: int) -> None:
    """Roll back, and let the caller know."""
    try:
        session.get_one(Item, item).stock -= pieces
        session.add(Order(item_id=item, pieces=pieces))
        session.commit()
    except SQLAlchemyError:
        session.rollback()
        raise


wrong = Scenario(Operation(sell, 1, 2), **SHOP)
mended = Scenario(Operation(sell_mended, 1, 2), **SHOP)
