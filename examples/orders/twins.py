"""The same orders with one mistake each. Nothing in here knows that acidity exists."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

from sqlalchemy import create_engine, event, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from examples.command import RefusedError
from examples.orders.models import CAPTURED, CONFIRMED, Customer, Invoice, Item, Order, Payment, Product

engine = create_engine("sqlite:///:memory:")


@event.listens_for(engine, "connect")
def check_foreign_keys(connection: Any, _: object) -> None:
    """SQLite checks them only where it is told to; a server always does."""
    if engine.dialect.name == "sqlite":
        connection.execute("PRAGMA foreign_keys = ON")


SAVE, BACK = text("SAVEPOINT after_order_created"), text("ROLLBACK TO SAVEPOINT after_order_created")
RELEASE = text("RELEASE SAVEPOINT after_order_created")


def confirm_in_autocommit(order: int, product: int, quantity: int) -> None:
    """Status, stock and payment are a transaction each; the last one may never come to be captured."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for change in (
            update(Order).where(Order.id == order).values(status=CONFIRMED),
            update(Product).where(Product.id == product).values(stock=Product.stock - quantity),
            update(Payment).where(Payment.order_id == order).values(status=CAPTURED),
        ):
            connection.execute(change)  # <- each UPDATE commits by itself


def place_and_undo_everything(order: int, customer: int, total: Decimal) -> int:
    """A bad item was to be undone; ROLLBACK without TO takes the order with it, and its number is told."""
    with Session(engine) as session:
        session.execute(insert(Order).values(id=order, customer_id=customer, total=total))
        session.execute(SAVE)
        try:
            session.execute(insert(Item).values(order_id=order, product_id=15, quantity=1, price=total))
        except IntegrityError:
            session.rollback()  # <- everything, and not to the savepoint
        session.commit()
    return order


def place_and_undo_nothing(order: int, customer: int, total: Decimal, *items: tuple[int, int, Decimal]) -> int:
    """A pair of items of which one does not exist was to be undone; its other half stays."""
    with Session(engine) as session:
        session.execute(insert(Order).values(id=order, customer_id=customer, total=total))
        session.execute(SAVE)
        for pair in (((12, 2, Decimal(140)), (15, 1, Decimal(140))), items):
            try:
                for product, quantity, price in pair:
                    session.execute(
                        insert(Item).values(order_id=order, product_id=product, quantity=quantity, price=price)
                    )
            except DBAPIError:
                continue  # <- nobody goes back to the savepoint
        session.commit()
    return order


def go_back_after_release(order: int, customer: int, total: Decimal) -> int:
    """The savepoint is gone when the second item turns out to be too much, and the error says so to nobody."""
    with Session(engine) as session:
        session.execute(insert(Order).values(id=order, customer_id=customer, total=total))
        session.execute(insert(Item).values(order_id=order, product_id=12, quantity=2, price=Decimal(140)))
        session.execute(SAVE)
        session.execute(insert(Item).values(order_id=order, product_id=8, quantity=1, price=Decimal(140)))
        session.execute(RELEASE)
        with suppress(DBAPIError):
            session.execute(BACK)  # <- there is nothing left to go back to
        session.commit()
    return order


def place_without_checking_total(order: int, customer: int, total: Decimal, *items: tuple[int, int, Decimal]) -> None:
    """The total is what the page said."""
    with Session(engine) as session, session.begin():
        session.execute(insert(Order).values(id=order, customer_id=customer, total=total))
        for product, quantity, price in items:
            session.execute(insert(Item).values(order_id=order, product_id=product, quantity=quantity, price=price))


def place_on_credit_if_nothing_is_owed(order: int, customer: int, amount: Decimal) -> None:
    """An unpaid invoice is looked for, none is found, and one is written: by two at once."""
    with Session(engine) as session, session.begin():
        unpaid = select(Invoice.order_id).where(Invoice.customer_id == customer, Invoice.is_paid.is_(False))
        if session.scalar(unpaid) is not None:  # <- nothing keeps it so until the invoice is written
            raise RefusedError("an invoice is unpaid")
        session.execute(insert(Order).values(id=order, customer_id=customer, total=amount))
        session.execute(insert(Invoice).values(order_id=order, customer_id=customer, amount=amount))


def sell_without_a_lock(product: int, quantity: int) -> None:
    """The stock is compared without FOR UPDATE, and no CHECK refuses what comes of it."""
    with Session(engine) as session, session.begin():
        stock = session.scalars(select(Product.stock).where(Product.id == product)).one()  # <- read without FOR UPDATE
        if stock < quantity:
            raise RefusedError("out of stock")
        session.execute(update(Product).where(Product.id == product).values(stock=Product.stock - quantity))


def move_in_autocommit(customer: int, city: str) -> None:
    """The customer was mistaken for another, and ROLLBACK finds nothing to undo."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(update(Customer).where(Customer.id == customer).values(city=city))  # <- committed by itself
        connection.rollback()
        raise RefusedError("it was somebody else")
