"""The same sale with one mistake each. Nothing in here knows that acidity exists."""

from __future__ import annotations

from sqlalchemy import create_engine, select, update
from sqlalchemy.orm import Session

from examples.flash_sale.models import Item, Sale, Shelf, Slot

engine = create_engine("sqlite:///:memory:")


def buy_after_reading(sku: str, purchase: str) -> None:
    """Read 10, write 9; and the other one, who read 10 as well, writes 9 once more."""
    with Session(engine) as session, session.begin():
        stock = session.scalars(select(Item.stock).where(Item.sku == sku)).one()  # <- read 10, write 9
        if stock == 0:
            raise LookupError("sold out")
        session.execute(update(Item).where(Item.sku == sku).values(stock=stock - 1))
        session.add(Sale(purchase=purchase, sku=sku))


def buy_slot_before_recording(sku: str, purchase: str) -> None:
    """A slot is taken before the sale is written, so a purchase that is asked for twice at once locks two of them."""
    free = select(Slot).where(Slot.sku == sku, Slot.purchase.is_(None)).order_by(Slot.number).limit(1)
    with (
        engine.connect().execution_options(isolation_level="READ COMMITTED") as connection,
        Session(connection) as session,
    ):
        slot = session.scalars(free.with_for_update(skip_locked=True)).first()  # <- skipped, though the other fails
        if slot is None:
            raise LookupError("sold out")
        slot.purchase = purchase
        session.add(Sale(purchase=purchase, sku=sku))
        session.commit()


def move_in_two_commits(sku: str, source: str, target: str, pieces: int) -> None:
    """The pieces leave one warehouse in one transaction, and come into the other in the next."""
    for warehouse, change in ((source, -pieces), (target, pieces)):
        shelf = (Shelf.warehouse == warehouse) & (Shelf.sku == sku)
        with Session(engine) as session, session.begin():  # <- each warehouse commits by itself
            session.execute(update(Shelf).where(shelf).values(quantity=Shelf.quantity + change))
