"""The same endpoint as it was first, as it was mended first, and as a framework tempts to write it.

Nothing in here knows that acidity exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, update
from sqlalchemy.orm import Session

from examples.checkout_api.gateway import DeclinedError, Folder, Gateway
from examples.checkout_api.models import Item, Order, Product
from examples.checkout_api.request import Purchase

engine = create_engine("sqlite:///:memory:")
gateway = Gateway(Folder())
Told = tuple[dict[str, Any], int]


class PaymentFailedError(Exception):
    """The money was not taken; so it is said."""


def charge(order: Order, card: str) -> None:
    """Take the money.

    Raises:
        PaymentFailedError: whatever went wrong.
    """
    try:
        gateway.charge(order.id, order.total, card)  # <- no answer, so no charge
    except (DeclinedError, ConnectionError) as error:
        raise PaymentFailedError from error


def checkout_that_zeroes(product: str, quantity: int, card: str) -> Told:
    """The story's endpoint: order and items are committed, and when the payment fails its total is set to 0."""
    with Session(engine) as session:
        order = add_order(session, product, quantity)
        session.commit()  # <- ordered, whatever becomes of the payment
        try:
            charge(order, card)
        except PaymentFailedError:
            order.total = Decimal(0)
            session.commit()  # <- ordered, whatever becomes of the payment
            return {"error": "Payment failed"}, 402
        return {"order": order.id}, 201


def checkout_in_one_transaction(product: str, quantity: int, card: str) -> Told:
    """The story's fix: all in one transaction. What the gateway has charged no ROLLBACK gives back."""
    with Session(engine) as session:
        try:
            order = add_order(session, product, quantity)
            gateway.charge(order.id, order.total, card)  # <- charged, and then COMMIT fails
            session.commit()  # <- charged, and then COMMIT fails
        except DeclinedError:
            session.rollback()
            return {"error": "Payment failed, no charges made"}, 402
        except Exception:
            session.rollback()
            return {"error": "Checkout failed"}, 500
        return {"order": order.id}, 201


def checkout_without_charges(product: str, quantity: int, card: str) -> Told:
    """The same, where an answer that was lost is taken for a no."""
    with Session(engine) as session:
        try:
            order = add_order(session, product, quantity)
            charge(order, card)
            session.commit()
        except PaymentFailedError:
            session.rollback()
            return {"error": "Payment failed, no charges made"}, 402
        return {"order": order.id}, 201


def get_session() -> Iterator[Session]:
    """One session for each request: committed when all went well."""
    with Session(engine) as session, session.begin():  # <- committed after the answer
        yield session


app = FastAPI()


@app.post("/checkouts", status_code=201)
def checkout_on_credit(purchase: Purchase, session: Annotated[Session, Depends(get_session)]) -> dict[str, str]:
    """Paid by invoice. The scope of a dependency ends after the answer was sent: 201, and then COMMIT fails."""
    order = add_order(session, purchase.product, purchase.quantity)
    return {"order": order.id}


def add_order(session: Session, product_id: str, quantity: int) -> Order:
    """Order, item and stock, flushed."""
    product = session.get_one(Product, product_id)
    order = Order(id=str(uuid4()), total=product.price * quantity)
    session.add(order)
    session.flush()
    session.add(Item(order_id=order.id, product_id=product_id, quantity=quantity, price=product.price))
    there = (Product.id == product_id) & (Product.stock - Product.reserved >= quantity)
    session.execute(update(Product).where(there).values(stock=Product.stock - quantity))
    return order
