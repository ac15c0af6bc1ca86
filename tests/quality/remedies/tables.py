"""The tables that the programs of these tests write: half a purchase is stock that is gone without an order."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.prove import Operation, Scenario


class Base(DeclarativeBase):
    """Its tables."""


class Product(Base):
    __tablename__ = "products"
    id: Mapped[int] = mapped_column(primary_key=True)
    stock: Mapped[int]


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    mailed: Mapped[int] = mapped_column(default=0, server_default="0")


class Line(Base):
    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]


class Count(Base):
    __tablename__ = "counts"
    loaded: Mapped[int] = mapped_column(primary_key=True)


def one_product(session: Session) -> None:
    session.add(Product(id=1, stock=10))


TAKE = "UPDATE products SET stock = stock - 1 WHERE id = 1"
ORDER = "INSERT INTO orders (id, product_id) VALUES (1, 1)"


def shop(operation: Operation, **options: Any) -> Scenario:
    """A Scenario with one product and 10 of it."""
    return Scenario(operation, metadata=Base.metadata, setup=one_product, **options)
