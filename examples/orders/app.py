"""Orders: placed in full or not at all, part of them undone to a savepoint, confirmed together with stock and payment.

Whoever decides by a row locks it first: the customer before the unpaid invoices are looked for, the product before its
stock is taken. So two orders at once get what one after the other would get, at each engine's own level.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import create_engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic
from acidity.run import configure_sqlite, lock, savepoint
from examples.command import MOST, RefusedError, shown
from examples.orders.models import (
    CAPTURED,
    CONFIRMED,
    PLACED,
    WAITING,
    Customer,
    Invoice,
    Item,
    Order,
    Payment,
    Product,
)

engine = create_engine("sqlite:///:memory:")
configure_sqlite(engine)
Sessions = sessionmaker(engine)


class Line(NamedTuple):
    """What is ordered: pieces of a product, and the price of one."""

    product: int
    quantity: int
    price: Decimal


@atomic(Sessions, max_attempts=3)
def place(session: Session, order: int, customer: int, total: Decimal, *lines: Line) -> None:
    """Place an order with all its items; its total is compared with them before COMMIT.

    Args:
        session: of the unit; `atomic` gives it.
        order: its number, chosen by the caller, so that asking twice places one.
        customer: who orders.
        total: what the customer was told to pay.
        lines: what is ordered.

    Raises:
        RefusedError: the customer is unknown or owes an invoice, the order exists, an item cannot be had, or the total
            is not the sum of the items.
        CommitUnknown: the answer to COMMIT was lost; whether the order exists tells what became of it.
    """
    create(session, order, customer, total)
    add_items(session, order, lines)
    check_total(session, order)
    session.add(Payment(order_id=order, amount=total))


@atomic(Sessions, max_attempts=3)
def place_on_credit(session: Session, order: int, customer: int, total: Decimal, *lines: Line) -> None:
    """Place an order that is paid later: its invoice forbids the next one until then.

    Raises:
        RefusedError: as above.
        CommitUnknown: as above.
    """
    create(session, order, customer, total)
    add_items(session, order, lines)
    check_total(session, order)
    session.add(Invoice(order_id=order, customer_id=customer, amount=total))


@atomic(Sessions, max_attempts=3)
def place_first_of(session: Session, order: int, customer: int, total: Decimal, *lines: Line) -> Line | None:
    """Place an order of one item, the first of several that can be had; where none can, the order is kept and waits.

    Each that cannot be had is undone to the same savepoint, after the order was created.

    Returns:
        What was ordered.

    Raises:
        RefusedError: as above.
        CommitUnknown: as above.
    """
    create(session, order, customer, total)
    taken = None
    with savepoint() as after_order_created:
        for line in lines:
            if line.quantity * line.price == total and can_be_added(session, order, line):
                taken = line
                break
            after_order_created.rollback()
    if taken is None:
        session.execute(update(Order).where(Order.id == order).values(status=WAITING))
    else:
        session.add(Payment(order_id=order, amount=total))
    return taken


@atomic(Sessions)
def order_5001(session: Session) -> None:
    """The same as SQL: item 15 does not exist, item 12 is tried, and both are undone to one savepoint.

    Raises:
        IntegrityError: customer 1 does not exist, or order 5001 does already.
    """
    sql = session.connection().exec_driver_sql
    item = "INSERT INTO order_items (order_id, product_id, quantity, price) VALUES "
    sql("INSERT INTO orders (id, customer_id, total, status) VALUES (5001, 1, 28000, 'waiting')")
    sql("SAVEPOINT after_order_created")
    try:
        sql(item + "(5001, 15, 1, 28000)")
    except IntegrityError:
        sql("ROLLBACK TO SAVEPOINT after_order_created")
    sql(item + "(5001, 12, 2, 14000)")
    sql("ROLLBACK TO SAVEPOINT after_order_created")
    sql("RELEASE SAVEPOINT after_order_created")


@atomic(Sessions, max_attempts=3)
def confirm(session: Session, customer: int, order: int) -> None:
    """Confirm an order: its status, the stock and the payment change together.

    Raises:
        RefusedError: the order is not one of this customer's, it is not placed, or an item is out of stock.
        CommitUnknown: the answer to COMMIT was lost; the order's status tells what became of it.
    """
    asked = select(Order.status).where(Order.id == order, Order.customer_id == customer).with_for_update()
    status = session.scalar(asked)
    if status is None:
        raise RefusedError(f"customer {customer} has no order {order}")
    if status != PLACED:
        raise RefusedError(f"order {order} is {status}")
    wanted: dict[int, int] = {}
    for product, quantity in session.execute(select(Item.product_id, Item.quantity).where(Item.order_id == order)):
        wanted[product] = wanted.get(product, 0) + quantity
    take(session, wanted)
    session.execute(update(Order).where(Order.id == order).values(status=CONFIRMED))
    session.execute(update(Payment).where(Payment.order_id == order).values(status=CAPTURED))


@atomic(Sessions, max_attempts=3)
def sell(session: Session, product: int, quantity: int) -> None:
    """Sell over the counter.

    Raises:
        RefusedError: there is no such product, or it is out of stock.
    """
    check_quantity(quantity)
    take(session, {product: quantity})


@atomic(Sessions, max_attempts=3)
def pay(session: Session, customer: int, order: int) -> None:
    """Pay the invoice of an order on credit.

    Raises:
        RefusedError: this customer has none for it, or it is paid.
    """
    invoice = session.scalar(
        select(Invoice).where(Invoice.order_id == order, Invoice.customer_id == customer).with_for_update()
    )
    if invoice is None:
        raise RefusedError(f"customer {customer} has no invoice for order {order}")
    if invoice.is_paid:
        raise RefusedError(f"the invoice for order {order} is paid already")
    invoice.is_paid = True


@atomic(Sessions)
def set_stock(session: Session, product: int, stock: int, *, keep: bool = True) -> None:
    """Write what was counted; to see first what it would be, it is undone again.

    Raises:
        RefusedError: there is no such product, the stock is below zero, or it was not to be kept.
    """
    if stock < 0:
        raise RefusedError("a stock is not below zero")
    session.execute(update(Product).where(Product.id == product).values(stock=stock))
    there = session.scalar(select(Product.stock).where(Product.id == product))
    if there is None:
        raise RefusedError(f"there is no product {product}")
    if not keep:
        raise RefusedError(f"tried only: product {product} would have {there} in stock")


@atomic(Sessions)
def move(session: Session, customer: int, city: str, *, keep: bool = True) -> None:
    """A customer moves; one who has been mistaken for another is moved back by ROLLBACK.

    Raises:
        RefusedError: there is no such customer, or it was not to be kept.
    """
    session.execute(update(Customer).where(Customer.id == customer).values(city=city))
    there = session.scalar(select(Customer.city).where(Customer.id == customer))
    if there is None:
        raise RefusedError(f"there is no customer {customer}")
    if not keep:
        raise RefusedError(f"tried only: customer {customer} would live in {there}")


@atomic(Sessions)
def add_customer(session: Session, number: int, name: str, city: str) -> None:
    """Note a new customer.

    Raises:
        RefusedError: the number is taken.
    """
    session.add(Customer(id=number, name=name, city=city))
    try:
        session.flush()
    except IntegrityError as error:
        raise RefusedError(f"customer {number} exists already") from error


@atomic(Sessions)
def add_product(session: Session, number: int, name: str, price: Decimal, stock: int) -> None:
    """Offer a new product.

    Raises:
        RefusedError: the number is taken.
    """
    session.add(Product(id=number, name=name, price=price, stock=stock))
    try:
        session.flush()
    except IntegrityError as error:
        raise RefusedError(f"product {number} exists already") from error


def create(session: Session, order: int, customer: int, total: Decimal) -> None:
    """Write the order itself, once its customer is locked and owes nothing."""
    if total <= 0:
        raise RefusedError("a total is above zero")
    try:
        lock(session, Customer, [customer])
    except LookupError as error:
        raise RefusedError(f"there is no customer {customer}") from error
    unpaid = select(Invoice.order_id).where(Invoice.customer_id == customer, Invoice.is_paid.is_(False))
    if (owed := session.scalar(unpaid)) is not None:
        raise RefusedError(f"customer {customer} has not paid the invoice for order {owed}")
    session.add(Order(id=order, customer_id=customer, total=total))
    try:
        session.flush()
    except IntegrityError as error:
        raise RefusedError(f"order {order} exists already") from error


def add_items(session: Session, order: int, lines: tuple[Line, ...]) -> None:
    """Write all items of an order; whether they exist the database knows."""
    if not lines:
        raise RefusedError("an order has an item")
    for line in lines:
        check_quantity(line.quantity)
        if line.price <= 0 or line.price * line.quantity >= MOST:
            raise RefusedError(f"an item is worth more than nothing, and less than {shown(MOST)}")
    rows = [dict(zip(("product_id", "quantity", "price"), line, strict=True), order_id=order) for line in lines]
    try:
        session.execute(insert(Item), rows)
    except IntegrityError as error:
        raise RefusedError("an item of the order does not exist") from error


def can_be_added(session: Session, order: int, line: Line) -> bool:
    """Write one item, and say whether it exists and there is enough of it."""
    try:
        add_items(session, order, (line,))
    except RefusedError:
        return False
    stock = session.scalar(select(Product.stock).where(Product.id == line.product))
    return stock is not None and stock >= line.quantity


def check_total(session: Session, order: int) -> None:
    """Refuse an order whose total is not the sum of its items, as both stand in the database now."""
    total = session.scalars(select(Order.total).where(Order.id == order)).one()
    of_items = session.scalars(select(func.sum(Item.price * Item.quantity)).where(Item.order_id == order)).one()
    if total != of_items:
        raise RefusedError(f"the total of order {order} is {shown(total)}, and its items are {shown(of_items)}")


def take(session: Session, wanted: dict[int, int]) -> None:
    """Take pieces out of the stock; the rows are locked in the order of their keys before they are compared."""
    try:
        products = lock(session, Product, wanted)
    except LookupError as error:
        raise RefusedError("there is no such product") from error
    for product in products:
        if product.stock < wanted[product.id]:
            raise RefusedError(f"product {product.id} is out of stock: {product.stock} left")
        product.stock -= wanted[product.id]
    session.flush()


def check_quantity(quantity: int) -> None:
    """Refuse what no database has to be asked for."""
    if quantity <= 0:
        raise RefusedError("a quantity is above zero")
