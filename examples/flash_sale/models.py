"""The tables of a shop that sells few things to many people, and of the warehouses they come from."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Declarative base of the shop."""


class Item(Base):
    """What is sold, and how many are left."""

    __tablename__ = "items"
    __table_args__ = (CheckConstraint("stock >= 0", name="chk_stock_not_negative"),)

    sku: Mapped[str] = mapped_column(String(20), primary_key=True)
    stock: Mapped[int]


class Slot(Base):
    """One piece of an item, for the strategy that locks pieces instead of a number; free while it has no purchase."""

    __tablename__ = "slots"

    sku: Mapped[str] = mapped_column(ForeignKey("items.sku"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    purchase: Mapped[str | None] = mapped_column(String(40))


class Sale(Base):
    """A purchase that was made; its name is the buyer's, so the same purchase cannot be made twice."""

    __tablename__ = "sales"

    purchase: Mapped[str] = mapped_column(String(40), primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey("items.sku"))


class Shelf(Base):
    """How many pieces a warehouse has."""

    __tablename__ = "shelves"
    __table_args__ = (CheckConstraint("quantity >= 0", name="chk_quantity_not_negative"),)

    warehouse: Mapped[str] = mapped_column(String(20), primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey("items.sku"), primary_key=True)
    quantity: Mapped[int]
