"""ACI207: after a refused COMMIT nobody rolls back."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import SHOP, Item, Order
from acidity.prove import Operation, Scenario


def sell(engine: Engine, item: int, pieces: int) -> None:
    """Commit as the last line; what becomes of the transaction if that fails is left to the pool."""
    with Session(engine) as session:
        session.get_one(Item, item).stock -= pieces
        session.add(Order(item_id=item, pieces=pieces))
        session.commit()


def sell_mended(engine: Engine, item: int, pieces: int) -> None:
    """``begin()`` rolls back whatever is raised, by the COMMIT too."""
    with Session(engine) as session, session.begin():
        session.get_one(Item, item).stock -= pieces
        session.add(Order(item_id=item, pieces=pieces))


wrong = Scenario(Operation(sell, 1, 2), **SHOP)
mended = Scenario(Operation(sell_mended, 1, 2), **SHOP)
