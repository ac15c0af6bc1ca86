"""ACI317: three callers go in a circle, each by a search for what the next one adds."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from acidity.explained.programs.shop import Base, Item, Order
from acidity.prove import Operation, Scenario


def seed(session: Session) -> None:
    """Three items without any order."""
    session.add_all([Item(id=1, stock=10), Item(id=2, stock=10), Item(id=3, stock=10)])


def order_if_none(session: Session, looked_at: int, item: int) -> bool:
    """Order an item unless another one has been ordered."""
    with session.begin():
        orders = session.scalar(select(func.count()).select_from(Order).where(Order.item_id == looked_at)) or 0
        if not orders:
            session.add(Order(item_id=item, pieces=1))
        return not orders


def order_if_none_mended(session: Session, looked_at: int, item: int) -> bool:
    """Lock the items first: what is not there yet cannot be locked, the row that it belongs to can."""
    with session.begin():
        session.execute(select(Item.id).order_by(Item.id).with_for_update())
        orders = session.scalar(select(func.count()).select_from(Order).where(Order.item_id == looked_at)) or 0
        if not orders:
            session.add(Order(item_id=item, pieces=1))
        return not orders


ROUND = ((1, 2), (2, 3), (3, 1))
wrong = Scenario(*(Operation(order_if_none, *each) for each in ROUND), metadata=Base.metadata, setup=seed)
mended = Scenario(*(Operation(order_if_none_mended, *each) for each in ROUND), metadata=Base.metadata, setup=seed)
