"""ACI202: a COMMIT without an answer is taken for one that failed."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item, Order
from acidity.prove import Operation, Scenario


def sell(engine: Engine, pieces: int) -> None:
    """Try again when the connection breaks, whether or not the first try was committed."""
    for last in (False, True):
        try:
            with Session(engine) as session, session.begin():
                session.get_one(Item, 1).stock -= pieces
                session.add(Order(item_id=1, pieces=pieces))
        except DBAPIError:
            if last:
                raise
        else:
            return


def sell_mended(engine: Engine, order: int, pieces: int) -> None:
    """The caller chooses the order's key: a second try of what was committed is refused by it, and that is success."""
    for last in (False, True):
        try:
            with Session(engine) as session, session.begin():
                session.add(Order(id=order, item_id=1, pieces=pieces))
                session.flush()
                session.get_one(Item, 1).stock -= pieces
        except IntegrityError:
            return
        except DBAPIError:
            if last:
                raise
        else:
            return


wrong = Scenario(Operation(sell, 2), **SHOP)
mended = Scenario(Operation(sell_mended, 7, 2), **SHOP)
