"""What stands in the book of the orders, in lines for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from acidity import atomic
from examples.command import shown
from examples.orders.app import Sessions
from examples.orders.models import Customer, Invoice, Item, Order, Payment, Product


@atomic(Sessions, read_only=True)
def lines(session: Session) -> list[str]:
    """Customers, what is in stock, and each order with its items and how it is paid."""
    return [*_people(session), *_stock(session), *_orders(session)]


def item(product: int, quantity: int, price: Decimal) -> str:
    """A line of an order."""
    return f"{quantity} × product {product} at {shown(price)}"


def _people(session: Session) -> Iterator[str]:
    for each in session.scalars(select(Customer).order_by(Customer.id)):
        yield f"customer {each.id}  {each.name}, {each.city}"


def _stock(session: Session) -> Iterator[str]:
    for each in session.scalars(select(Product).order_by(Product.id)):
        yield f"product {each.id}  {each.name}, {shown(each.price)}, {each.stock} in stock"


def _orders(session: Session) -> Iterator[str]:
    payments = {each.order_id: each.status for each in session.scalars(select(Payment))}
    for invoice in session.scalars(select(Invoice)):
        payments[invoice.order_id] = "invoice paid" if invoice.is_paid else "invoice unpaid"
    items: dict[int, list[str]] = defaultdict(list)
    for each in session.scalars(select(Item).order_by(Item.id)):
        items[each.order_id].append(item(each.product_id, each.quantity, each.price))
    for order in session.scalars(select(Order).order_by(Order.id)):
        paid = f", {payments[order.id]}" if order.id in payments else ""
        of = "; ".join(items[order.id]) or "no item"
        yield f"order {order.id}  customer {order.customer_id}, {shown(order.total)}, {order.status}{paid}: {of}"
