"""The tables of a shop that is paid through a gateway: what is sold, what is being paid, and what was bought."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from acidity.run import Money

CODE = String(10)
ID = String(36)
DIGEST = String(64)


class Status(StrEnum):
    """What has become of a payment."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Base(DeclarativeBase):
    """Declarative base of the shop."""


class Product(Base):
    """What is sold: its price, how many pieces there are, and how many of them are held for payments under way."""

    __tablename__ = "products"

    id: Mapped[str] = mapped_column(CODE, primary_key=True)
    price: Mapped[Decimal] = mapped_column(Money())
    stock: Mapped[int]
    reserved: Mapped[int]


class Intent(Base):
    """What is to be paid, written down before the gateway hears of it; its id is the gateway's key, and the order's.

    The client's key and its request are kept as digests: on MariaDB two texts that differ in case alone are one.
    """

    __tablename__ = "intents"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    key: Mapped[str] = mapped_column(DIGEST, unique=True)
    request: Mapped[str] = mapped_column(DIGEST)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Money())
    status: Mapped[str] = mapped_column(String(10))


class Order(Base):
    """What was bought and paid."""

    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    total: Mapped[Decimal] = mapped_column(Money())


class Item(Base):
    """Pieces of a product in an order, at the price that they had."""

    __tablename__ = "order_items"

    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), primary_key=True)
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Money())
