"""The nine steps of a checkout, each a function of the session of one unit; and what a deactivation undoes.

Every row that decides something is locked before it is read, the customer first and then the product. So two units
at once wait for each other in one order, and what was read stays true until COMMIT.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from acidity.run import lock
from examples.checkout.models import Customer, Item, Order, Payment, Product, Reservation, Status
from examples.command import RefusedError


class PaymentFailedError(RefusedError):
    """There is not enough money in the wallet."""

    def __init__(self) -> None:
        super().__init__("Payment failed, please try again")


def buy(session: Session, number: str, customer_id: str, product_id: str, quantity: int) -> Decimal:
    """All nine steps.

    Returns:
        What was paid.

    Raises:
        PaymentFailedError: there is not enough money.
        RefusedError: a step does not allow it.
    """
    if quantity < 1:
        raise RefusedError("at least 1 piece is bought")
    customer = active_customer(session, customer_id)  # 1
    product = product_in_stock(session, product_id, quantity)  # 2
    total = product.price * quantity
    reservation = reserve(session, number, product, quantity)  # 3
    order = create_order(session, number, customer, total)  # 4
    add_item(session, order, product, quantity)  # 5
    take_from_wallet(session, customer, total)  # 6
    session.add(Payment(order_id=number, amount=total, status=Status.CAPTURED))  # 7
    session.flush()
    convert(session, product, reservation)  # 8
    order.status = Status.CONFIRMED  # 9
    return total


def active_customer(session: Session, customer_id: str) -> Customer:
    """Step 1: the customer, locked, so that nobody deactivates them meanwhile.

    Raises:
        RefusedError: there is none, or they are not active.
    """
    customer: Customer
    try:
        [customer] = lock(session, Customer, [customer_id])
    except LookupError as error:
        raise no_such_customer(customer_id) from error
    if not customer.is_active:
        raise RefusedError(f"customer {customer_id} is not active")
    return customer


def product_in_stock(session: Session, product_id: str, quantity: int) -> Product:
    """Step 2: the product, locked, so that its stock and its price stay what they are.

    Raises:
        RefusedError: there is none, or too few are left.
    """
    product = locked_product(session, product_id)
    left = product.stock - product.reserved
    if left < quantity:
        raise RefusedError(f"product {product_id} is out of stock: {left} left")
    return product


def locked_product(session: Session, product_id: str) -> Product:
    """A product, locked.

    Raises:
        RefusedError: there is none.
    """
    product: Product
    try:
        [product] = lock(session, Product, [product_id])
    except LookupError as error:
        raise RefusedError(f"there is no product {product_id}") from error
    return product


def reserve(session: Session, number: str, product: Product, quantity: int) -> Reservation:
    """Step 3: pieces are held for this order.

    Raises:
        RefusedError: the order was made already.
    """
    reservation = Reservation(order_number=number, product_id=product.id, quantity=quantity, status=Status.HELD)
    session.add(reservation)
    product.reserved += quantity
    try:
        session.flush()
    except IntegrityError as error:
        raise RefusedError(f"order {number} was made already") from error
    return reservation


def create_order(session: Session, number: str, customer: Customer, total: Decimal) -> Order:
    """Step 4: an order that is pending."""
    order = Order(id=number, customer_id=customer.id, total=total, status=Status.PENDING)
    session.add(order)
    session.flush()
    return order


def add_item(session: Session, order: Order, product: Product, quantity: int) -> None:
    """Step 5: its item, at the price of the locked row."""
    session.add(Item(order_id=order.id, product_id=product.id, quantity=quantity, price=product.price))
    session.flush()


def take_from_wallet(session: Session, customer: Customer, total: Decimal) -> None:
    """Step 6: the money leaves the wallet if it is there.

    Raises:
        PaymentFailedError: it is not.
    """
    enough = (Customer.id == customer.id) & (Customer.wallet >= total)
    taken: Any = session.execute(update(Customer).where(enough).values(wallet=Customer.wallet - total))
    if taken.rowcount != 1:
        raise PaymentFailedError


def convert(session: Session, product: Product, reservation: Reservation) -> None:
    """Step 8: the pieces that were held leave the stock."""
    product.stock -= reservation.quantity
    product.reserved -= reservation.quantity
    reservation.status = Status.CONVERTED
    session.flush()


def deactivate(session: Session, customer_id: str) -> list[str]:
    """A customer buys no more, and what they have ordered is cancelled: pieces and money go back.

    Returns:
        The numbers of the orders that were cancelled.

    Raises:
        RefusedError: there is no such customer.
    """
    try:
        [customer] = lock(session, Customer, [customer_id])
    except LookupError as error:
        raise no_such_customer(customer_id) from error
    customer.is_active = False
    is_open = (Order.customer_id == customer_id) & (Order.status != Status.CANCELLED)
    orders = session.scalars(select(Order).where(is_open).order_by(Order.id).with_for_update()).all()
    for order in orders:
        cancel(session, customer, order)
    session.flush()
    return [order.id for order in orders]


def cancel(session: Session, customer: Customer, order: Order) -> None:
    """An order is undone: nothing is deleted, and everything says what became of it."""
    order.status = Status.CANCELLED
    for item in session.scalars(select(Item).where(Item.order_id == order.id).order_by(Item.product_id)).all():
        locked_product(session, item.product_id).stock += item.quantity
    payment = session.get_one(Payment, order.id)
    payment.status = Status.REFUNDED
    customer.wallet += payment.amount
    session.get_one(Reservation, order.id).status = Status.RETURNED
    session.flush()


def no_such_customer(customer_id: str) -> RefusedError:
    """What is said of a customer whom nobody knows."""
    return RefusedError(f"there is no customer {customer_id}")
