"""The same checkout with one mistake each. Nothing in here knows that acidity exists."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import create_engine, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from examples.checkout.models import Customer, Item, Order, Payment, Product, Reservation, Status

engine = create_engine("sqlite:///:memory:")


class PaymentFailedError(Exception):
    """There is not enough money in the wallet."""


def checkout_without_boundary(number: str, customer: str, product: str, quantity: int) -> None:
    """Each of the nine steps is a transaction of its own."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        price = _price(connection, product)
        for step in (
            _reserved(product, quantity),
            insert(Reservation).values(order_number=number, product_id=product, quantity=quantity, status=Status.HELD),
            insert(Order).values(id=number, customer_id=customer, total=price * quantity, status=Status.PENDING),
            insert(Item).values(order_id=number, product_id=product, quantity=quantity, price=price),
            _paid(customer, price * quantity),
            insert(Payment).values(order_id=number, amount=price * quantity, status=Status.CAPTURED),
            *_converted(number, product, quantity),
            update(Order).where(Order.id == number).values(status=Status.CONFIRMED),
        ):
            connection.execute(step)  # <- each step commits by itself


def checkout_after_reserving(number: str, customer: str, product: str, quantity: int) -> None:
    """The pieces are held in a transaction before that of the payment; when that one fails they are held for nobody."""
    with Session(engine) as session, session.begin():
        session.execute(_reserved(product, quantity))
        session.add(Reservation(order_number=number, product_id=product, quantity=quantity, status=Status.HELD))
        session.flush()
        session.commit()  # <- held, and nobody gives it back
    with Session(engine) as session, session.begin():
        _buy(session, number, customer, product, quantity)


def checkout_on_credit(number: str, customer: str, product: str, quantity: int) -> None:
    """The money is taken without asking whether it is there: two orders, one after the other, are enough to owe."""
    with Session(engine) as session, session.begin():
        _hold(session, number, product, quantity)
        price = _price(session.connection(), product)
        session.execute(
            insert(Order).values(id=number, customer_id=customer, total=price * quantity, status=Status.PENDING)
        )
        session.execute(insert(Item).values(order_id=number, product_id=product, quantity=quantity, price=price))
        owing = update(Customer).where(Customer.id == customer).values(wallet=Customer.wallet - price * quantity)
        session.execute(owing)  # <- whatever is in the wallet
        _finish(session, number, product, quantity, price * quantity)


def checkout_with_two_prices(number: str, customer: str, product: str, quantity: int) -> None:
    """The price is read for the total, and once more for the item."""
    asked = select(Product.price).where(Product.id == product)
    with Session(engine) as session, session.begin():
        total = session.scalars(asked).one() * quantity  # <- read here, and once more below
        session.execute(insert(Order).values(id=number, customer_id=customer, total=total, status=Status.PENDING))
        price = session.scalars(asked).one()  # <- read here, and once more below
        session.execute(insert(Item).values(order_id=number, product_id=product, quantity=quantity, price=price))
        _hold(session, number, product, quantity)
        _pay(session, customer, total)
        _finish(session, number, product, quantity, total)


def set_price(product: str, price: Decimal) -> None:
    """A price change, which does nothing wrong."""
    with Session(engine) as session, session.begin():
        session.execute(update(Product).where(Product.id == product).values(price=price))


def checkout_without_locking_customer(number: str, customer: str, product: str, quantity: int) -> None:
    """Whether the customer is active is asked without a lock, and may be over when the order is there."""
    with Session(engine) as session, session.begin():
        if not session.scalars(select(Customer.is_active).where(Customer.id == customer)).one():  # <- without a lock
            raise LookupError("not active")
        _hold(session, number, product, quantity)
        _buy(session, number, customer, product, quantity)


def deactivate(customer: str) -> None:
    """Cancels what has been ordered, and does nothing wrong."""
    with Session(engine) as session, session.begin():
        session.execute(update(Customer).where(Customer.id == customer).values(is_active=False))
        for order in session.scalars(select(Order).where(Order.customer_id == customer)).all():
            order.status = Status.CANCELLED
            for item in session.scalars(select(Item).where(Item.order_id == order.id)).all():
                back = {"stock": Product.stock + item.quantity}
                session.execute(update(Product).where(Product.id == item.product_id).values(back))
            refunded = update(Customer).where(Customer.id == customer).values(wallet=Customer.wallet + order.total)
            session.execute(refunded)
            session.execute(update(Payment).where(Payment.order_id == order.id).values(status=Status.REFUNDED))


def _buy(session: Session, number: str, customer: str, product: str, quantity: int) -> None:
    """What comes after the pieces are held."""
    price = _price(session.connection(), product)
    total = price * quantity
    session.execute(insert(Order).values(id=number, customer_id=customer, total=total, status=Status.PENDING))
    session.execute(insert(Item).values(order_id=number, product_id=product, quantity=quantity, price=price))
    _pay(session, customer, total)
    _finish(session, number, product, quantity, total)


def _price(connection: Connection, product: str) -> Decimal:
    price: Decimal = connection.execute(select(Product.price).where(Product.id == product)).scalar_one()
    return price


def _reserved(product: str, quantity: int) -> Any:
    left = Product.stock - Product.reserved >= quantity
    return update(Product).where(Product.id == product, left).values(reserved=Product.reserved + quantity)


def _hold(session: Session, number: str, product: str, quantity: int) -> None:
    session.execute(_reserved(product, quantity))
    held = {"order_number": number, "product_id": product, "quantity": quantity, "status": Status.HELD}
    session.execute(insert(Reservation).values(held))


def _paid(customer: str, total: Decimal) -> Any:
    enough = (Customer.id == customer) & (Customer.wallet >= total)
    return update(Customer).where(enough).values(wallet=Customer.wallet - total)


def _pay(session: Session, customer: str, total: Decimal) -> None:
    done: Any = session.execute(_paid(customer, total))
    if done.rowcount != 1:
        raise PaymentFailedError


def _converted(number: str, product: str, quantity: int) -> list[Any]:
    sold = {"stock": Product.stock - quantity, "reserved": Product.reserved - quantity}
    return [
        update(Product).where(Product.id == product).values(sold),
        update(Reservation).where(Reservation.order_number == number).values(status=Status.CONVERTED),
    ]


def _finish(session: Session, number: str, product: str, quantity: int, total: Decimal) -> None:
    session.execute(insert(Payment).values(order_id=number, amount=total, status=Status.CAPTURED))
    for step in _converted(number, product, quantity):
        session.execute(step)
    session.execute(update(Order).where(Order.id == number).values(status=Status.CONFIRMED))
