"""The tables of the orders: who orders, what is in stock, what was ordered, and how it is paid.

A product's stock has no CHECK on purpose: that it never falls below zero is kept by the functions, which lock the row
before they look. What the database keeps by itself is the subject of `examples.constraints`.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from acidity.run import Money

PLACED, WAITING, CONFIRMED = "placed", "waiting", "confirmed"
AUTHORIZED, CAPTURED = "authorized", "captured"


class Base(DeclarativeBase):
    """Declarative base of the orders."""


class Customer(Base):
    """Somebody who orders."""

    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(40))
    city: Mapped[str] = mapped_column(String(40))


class Product(Base):
    """What can be ordered, for how much, and how many pieces there are."""

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(40))
    price: Mapped[Decimal] = mapped_column(Money())
    stock: Mapped[int]


class Order(Base):
    """An order: placed, waiting for an item that can be had, or confirmed."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    total: Mapped[Decimal] = mapped_column(Money())
    status: Mapped[str] = mapped_column(String(10), default=PLACED)


class Item(Base):
    """One line of an order: pieces of a product at the price of that day."""

    __tablename__ = "order_items"
    __table_args__ = (CheckConstraint("quantity > 0", name="chk_quantity_positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Money())


class Payment(Base):
    """The money of an order: authorized when it is placed, captured when it is confirmed."""

    __tablename__ = "payments"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True, autoincrement=False)
    amount: Mapped[Decimal] = mapped_column(Money())
    status: Mapped[str] = mapped_column(String(10), default=AUTHORIZED)


class Invoice(Base):
    """What a customer owes for an order on credit. While one is unpaid, that customer orders nothing."""

    __tablename__ = "invoices"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True, autoincrement=False)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    amount: Mapped[Decimal] = mapped_column(Money())
    is_paid: Mapped[bool] = mapped_column(default=False)
