"""The tables of a shop in which customers pay from a wallet, and of what becomes of an order."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from acidity.run import Money

CODE = String(10)
NUMBER = String(40)
STATUS = String(10)


class Status(StrEnum):
    """What may stand in a column ``status``: of a reservation, an order, a payment."""

    HELD = "held"
    CONVERTED = "converted"
    RETURNED = "returned"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    CAPTURED = "captured"
    REFUNDED = "refunded"


class Base(DeclarativeBase):
    """Declarative base of the shop."""


class Customer(Base):
    """Somebody who buys, and the money in the wallet; nothing but the program keeps it from falling below zero."""

    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(CODE, primary_key=True)
    is_active: Mapped[bool]
    wallet: Mapped[Decimal] = mapped_column(Money())


class Product(Base):
    """What is sold: its price, how many pieces there are, and how many of them are held for orders under way."""

    __tablename__ = "products"
    __table_args__ = (CheckConstraint("0 <= reserved AND reserved <= stock", name="chk_reserved_is_in_stock"),)

    id: Mapped[str] = mapped_column(CODE, primary_key=True)
    price: Mapped[Decimal] = mapped_column(Money())
    stock: Mapped[int]
    reserved: Mapped[int]


class Order(Base):
    """What a customer has bought; the number is the caller's, so that asking twice buys once."""

    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(NUMBER, primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    total: Mapped[Decimal] = mapped_column(Money())
    status: Mapped[str] = mapped_column(STATUS)


class Reservation(Base):
    """Pieces that are held for an order, until they leave the stock."""

    __tablename__ = "reservations"

    order_number: Mapped[str] = mapped_column(NUMBER, primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]
    status: Mapped[str] = mapped_column(STATUS)


class Item(Base):
    """Pieces of a product in an order, at the price that they had."""

    __tablename__ = "order_items"
    __table_args__ = (CheckConstraint("quantity > 0", name="chk_quantity_positive"),)

    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), primary_key=True)
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Money())


class Payment(Base):
    """What was taken from the wallet for an order."""

    __tablename__ = "payments"

    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    amount: Mapped[Decimal] = mapped_column(Money())
    status: Mapped[str] = mapped_column(STATUS)
