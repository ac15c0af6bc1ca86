"""What is to be proved about the orders: numbers, amounts and cities as in the text."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from examples.command import RefusedError
from examples.durable import DURABLE
from examples.orders.app import (
    Line,
    confirm,
    move,
    order_5001,
    pay,
    place,
    place_first_of,
    place_on_credit,
    sell,
    set_stock,
)
from examples.orders.models import (
    CAPTURED,
    CONFIRMED,
    WAITING,
    Base,
    Customer,
    Invoice,
    Item,
    Order,
    Payment,
    Product,
)

TWO_OF_12, ONE_OF_8 = Line(12, 2, Decimal(140)), Line(8, 1, Decimal(140))
NOT_THERE, TOO_MANY = Line(15, 1, Decimal(280)), Line(12, 20, Decimal(14))
STOCK = {8: 5, 12: 10}


def seed(session: Session) -> None:
    """Customers 1 and 2 live in Mumbai; there are 10 pieces of product 12 and 5 of product 8, at ₹140."""
    session.add_all([Customer(id=1, name="Rahul", city="Mumbai"), Customer(id=2, name="Priya", city="Mumbai")])
    session.add_all(
        Product(id=number, name=f"Product {number}", price=Decimal(140), stock=stock) for number, stock in STOCK.items()
    )


def placed(session: Session) -> None:
    """Order 5001 of two pieces of product 12 is placed, and waits to be confirmed."""
    seed(session)
    _place(session, 5001, 1, 2)


def two_placed(session: Session) -> None:
    """Two orders of six pieces each, of ten."""
    seed(session)
    _place(session, 5001, 1, 6)
    _place(session, 5002, 2, 6)


def owed(session: Session) -> None:
    """Order 5001 was placed on credit, and its invoice is not paid."""
    placed(session)
    session.flush()
    session.add(Invoice(order_id=5001, customer_id=1, amount=Decimal(280)))


def _place(session: Session, order: int, customer: int, quantity: int) -> None:
    total = quantity * Decimal(140)
    session.flush()
    session.add(Order(id=order, customer_id=customer, total=total))
    session.flush()
    session.add(Item(order_id=order, product_id=12, quantity=quantity, price=Decimal(140)))
    session.add(Payment(order_id=order, amount=total))


def total_is_sum_of_items(session: Session) -> bool:
    """The total of an order is the sum of its items; one that waits has none."""
    items = dict(
        session.execute(select(Item.order_id, func.sum(Item.price * Item.quantity)).group_by(Item.order_id)).all()
    )
    orders = session.scalars(select(Order)).all()
    return all(items.get(each.id) == (None if each.status == WAITING else each.total) for each in orders)


def stock_is_not_below_zero(session: Session) -> bool:
    """Nothing is sold that is not there; no CHECK says so."""
    return session.scalar(select(func.count()).where(Product.stock < 0)) == 0


def confirmed_is_taken_and_captured(session: Session) -> bool:
    """What is confirmed has left the stock and is captured, and nothing else is."""
    confirmed = set(session.scalars(select(Order.id).where(Order.status == CONFIRMED)))
    captured = set(session.scalars(select(Payment.order_id).where(Payment.status == CAPTURED)))
    taken = session.scalar(select(func.sum(Item.quantity)).where(Item.order_id.in_(confirmed))) or 0
    return captured == confirmed and session.scalar(select(func.sum(Product.stock))) == sum(STOCK.values()) - taken


def one_invoice_is_unpaid_at_most(session: Session) -> bool:
    """Who owes an invoice gets nothing more on credit."""
    unpaid = select(func.count()).where(Invoice.is_paid.is_(False)).group_by(Invoice.customer_id)
    return all(count == 1 for count in session.scalars(unpaid))


def order_5001_waits(session: Session) -> bool:
    """What is right when no item can be had, though one could in the clean run: the order is there, and no more."""
    orders = [(each.id, each.total, each.status) for each in session.scalars(select(Order))]
    others = (
        session.scalar(select(func.count()).select_from(Item)),
        session.scalar(select(func.count(Payment.order_id))),
    )
    return orders == [(5001, Decimal(280), WAITING)] and others == (0, 0)


RULES = (total_is_sum_of_items, stock_is_not_below_zero, one_invoice_is_unpaid_at_most)


def asked(function: Callable[..., Any], *requests: tuple[Any, ...], raises: Any = (), **more: Any) -> Scenario:
    """A scenario of calls of one function: each is cut at every call, and all are let at the rows at once."""
    keywords = {key: more.pop(key) for key in ("keep", "also", "succeeded") if key in more}
    options: dict[str, Any] = {
        "metadata": Base.metadata,
        "setup": seed,
        "invariants": RULES,
        "bind": "examples.orders.app:engine",
        "settings": DURABLE,
    }
    return Scenario(*(Operation(function, *each, raises=raises, **keywords) for each in requests), **options | more)


# The savepoint: a bad item is undone to it, once or twice, and the order is kept.
second_choice = asked(place_first_of, (5001, 1, Decimal(280), NOT_THERE, TWO_OF_12), also=order_5001_waits)
waiting = asked(place_first_of, (5001, 1, Decimal(280), NOT_THERE, TOO_MANY))
in_sql = asked(order_5001, ())

# The total, checked before COMMIT.
summed = asked(place, (5002, 1, Decimal(420), TWO_OF_12, ONE_OF_8))
wrong_total = asked(place, (5002, 1, Decimal(480), TWO_OF_12, ONE_OF_8), raises=RefusedError)
bad_item = asked(place, (5002, 1, Decimal(560), TWO_OF_12, NOT_THERE), raises=RefusedError)

# What no database has to be asked for.
nothing_ordered = asked(place_first_of, (5001, 1, Decimal(0), TWO_OF_12), raises=RefusedError)
no_item = asked(place, (5002, 1, Decimal(140)), raises=RefusedError)
for_nothing = asked(place, (5002, 1, Decimal(140), ONE_OF_8, Line(12, 1, Decimal(0))), raises=RefusedError)
nothing_sold = asked(sell, (12, 0), raises=RefusedError)
below_zero = asked(set_stock, (12, -1), raises=RefusedError)

# Credit.
on_credit = asked(place_on_credit, (5001, 1, Decimal(280), TWO_OF_12), (5002, 1, Decimal(140), ONE_OF_8))
in_debt = asked(place, (5002, 1, Decimal(140), ONE_OF_8), raises=RefusedError, setup=owed)
paid = asked(pay, (1, 5001), setup=owed)

# Status, stock and payment.
WHOLE = (*RULES, confirmed_is_taken_and_captured)
captured = asked(confirm, (1, 5001), setup=placed, invariants=WHOLE)
not_hers = asked(confirm, (2, 5001), setup=placed, invariants=WHOLE, raises=RefusedError)
both_captured = asked(confirm, (1, 5001), (2, 5002), setup=two_placed, invariants=WHOLE)
sold_out = asked(sell, (12, 6), (12, 6))

# ROLLBACK.
stock_tried = asked(set_stock, (12, 4), keep=False, raises=RefusedError)
city_tried = asked(move, (1, "Bengaluru"), keep=False, raises=RefusedError)
