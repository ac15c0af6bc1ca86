"""Tables whose rules the database keeps: CHECK, FOREIGN KEY at once and at COMMIT, PRIMARY KEY, UNIQUE, NOT NULL."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from acidity.run import Money


class Base(DeclarativeBase):
    """Declarative base of the constraints."""


class Account(Base):
    """An account, which never falls below zero."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("balance >= 0", name="chk_balance_positive"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    balance: Mapped[Decimal] = mapped_column(Money())


class Customer(Base):
    """Somebody with a number and an address that nobody else has."""

    __tablename__ = "customers"
    __table_args__ = (UniqueConstraint("email", name="uq_customer_email"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    email: Mapped[str] = mapped_column(String(60))


class Order(Base):
    """An order of a customer, who is known."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", name="fk_order_customer"))


class Item(Base):
    """A line of an order, which exists."""

    __tablename__ = "order_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", name="fk_item_order"))
    product_id: Mapped[int]
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Money())


class Delivery(Base):
    """The delivery of an order, which may come later in the same unit: it is looked for at COMMIT.

    MariaDB has no deferred constraints, so the table is not made there.
    """

    __tablename__ = "deliveries"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", name="fk_delivery_order", deferrable=True, initially="DEFERRED")
    )


def everywhere() -> MetaData:
    """The tables that every engine can make."""
    found = MetaData()
    for table in Base.metadata.sorted_tables:
        if table.name != Delivery.__tablename__:
            table.to_metadata(found)
    return found
