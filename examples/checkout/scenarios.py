"""What is to be proved about the checkout: C001 has ₹1,000 and buys 2 of P001, of which there are ten at ₹280."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from examples.checkout.app import checkout, deactivate, set_price
from examples.checkout.models import Base, Customer, Item, Order, Payment, Product, Reservation, Status
from examples.checkout.steps import PaymentFailedError
from examples.command import RefusedError

C001, C002, C003, P001, P002 = "C001", "C002", "C003", "P001", "P002"
WALLET, LITTLE, PRICE, STOCK = Decimal(1000), Decimal(500), Decimal(280), 10
MONEY = WALLET + LITTLE + WALLET


def seed(session: Session) -> None:
    """C001 and C003 have ₹1,000, C002 has ₹500; ten pieces of P001 at ₹280, and two of P002."""
    wallets = {C001: WALLET, C002: LITTLE, C003: WALLET}
    session.add_all(Customer(id=name, is_active=name != C003, wallet=wallet) for name, wallet in wallets.items())
    session.add_all(
        Product(id=name, price=PRICE, stock=pieces, reserved=0) for name, pieces in ((P001, STOCK), (P002, 2))
    )


def bought(session: Session) -> None:
    """The same after C001 has bought 2 of P001 as order O-1."""
    seed(session)
    session.flush()
    session.get_one(Customer, C001).wallet -= 2 * PRICE
    session.get_one(Product, P001).stock -= 2
    session.add(Order(id="O-1", customer_id=C001, total=2 * PRICE, status=Status.CONFIRMED))
    session.add(Reservation(order_number="O-1", product_id=P001, quantity=2, status=Status.CONVERTED))
    session.flush()
    session.add(Item(order_id="O-1", product_id=P001, quantity=2, price=PRICE))
    session.add(Payment(order_id="O-1", amount=2 * PRICE, status=Status.CAPTURED))


def nobody_owes(session: Session) -> bool:
    """No wallet is below zero."""
    return session.scalar(select(func.count()).select_from(Customer).where(Customer.wallet < 0)) == 0


def money_is_kept(session: Session) -> bool:
    """What left a wallet was captured."""
    wallets = session.scalar(select(func.sum(Customer.wallet))) or Decimal(0)
    captured = session.scalar(select(func.sum(Payment.amount)).where(Payment.status == Status.CAPTURED)) or Decimal(0)
    return wallets + captured == MONEY


def pieces_are_kept(session: Session) -> bool:
    """What left the stock is in a confirmed order."""
    stock = session.scalar(select(func.sum(Product.stock))) or 0
    confirmed = select(func.sum(Item.quantity)).join(Order, Order.id == Item.order_id)
    sold = session.scalar(confirmed.where(Order.status == Status.CONFIRMED)) or 0
    return stock + sold == STOCK + 2


def nothing_is_held(session: Session) -> bool:
    """No piece is reserved for an order that is not there, and no order is pending."""
    held = session.scalar(select(func.sum(Product.reserved))) or 0
    reservations = session.scalar(select(func.count()).where(Reservation.status == Status.HELD)) or 0
    pending = session.scalar(select(func.count()).where(Order.status == Status.PENDING)) or 0
    return held == reservations == pending == 0


def totals_are_those_of_the_items(session: Session) -> bool:
    """An order costs what its items cost, and so much was paid."""
    for order in session.scalars(select(Order)):
        items = session.scalars(select(Item).where(Item.order_id == order.id)).all()
        payment = session.get(Payment, order.id)
        if order.total != sum(each.price * each.quantity for each in items) or payment is None:
            return False
        if payment.amount != order.total:
            return False
    return True


def who_is_not_active_has_no_order(session: Session) -> bool:
    """Deactivating a customer cancels what they have ordered."""
    orders = select(func.count()).select_from(Order).join(Customer, Customer.id == Order.customer_id)
    return session.scalar(orders.where(Order.status != Status.CANCELLED, Customer.is_active.is_(False))) == 0


RULES = (
    nobody_owes,
    money_is_kept,
    pieces_are_kept,
    nothing_is_held,
    totals_are_those_of_the_items,
    who_is_not_active_has_no_order,
)


def asked(*operations: Operation, **more: Any) -> Scenario:
    """A scenario on the rows of this shop."""
    options: dict[str, Any] = {
        "metadata": Base.metadata,
        "setup": seed,
        "invariants": RULES,
        "bind": "examples.checkout.app:engine",
    }
    return Scenario(*operations, **options | more)


def buys(function: Callable[..., Any], *requests: tuple[str, str, str, int], raises: Any = (), **more: Any) -> Scenario:
    """A scenario of checkouts: each is cut at every call, and all are let at the rows at once."""
    return asked(*(Operation(function, *each, raises=raises) for each in requests), **more)


one = buys(checkout, ("O-1", C001, P001, 2))
both = buys(checkout, ("O-1", C002, P001, 1), ("O-2", C002, P001, 1))  # ₹500 are enough for one of them
last = buys(checkout, ("O-1", C001, P002, 2), ("O-2", C002, P002, 1))  # two pieces, and three are wanted
twice = buys(checkout, ("O-1", C001, P001, 2), ("O-1", C001, P001, 2))  # the same order, asked for again
unpaid = buys(checkout, ("O-1", C002, P001, 2), raises=PaymentFailedError)
sold_out = buys(checkout, ("O-1", C001, P002, 3), raises=RefusedError)
nothing = buys(checkout, ("O-1", C001, P001, 0), raises=RefusedError)
not_active = buys(checkout, ("O-1", C003, P001, 2), raises=RefusedError)
deactivated = asked(Operation(deactivate, C001), setup=bought)
beside_price = asked(Operation(checkout, "O-1", C001, P001, 2), Operation(set_price, P001, Decimal(300)))
beside_deactivation = asked(Operation(checkout, "O-2", C001, P001, 1), Operation(deactivate, C001), setup=bought)
