"""The shop that the programs run in: ten pieces of one item, and the orders for it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

PIECES = 10


class Base(DeclarativeBase):
    """Declarative base of the shop's two tables."""


class Item(Base):
    """Something to sell, and how many pieces of it there are."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    stock: Mapped[int]


class Order(Base):
    """So many pieces of an item, sold."""

    __tablename__ = "orders"
    __table_args__ = (CheckConstraint("pieces > 0"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    pieces: Mapped[int]
    state: Mapped[str] = mapped_column(String(10), default="done")


def seed(session: Session) -> None:
    """Write the rows before."""
    session.add(Item(id=1, stock=PIECES))


def every_piece_is_somewhere(session: Session) -> bool:
    """Compare what is in stock and what was sold with what there was."""
    in_stock = session.scalar(select(func.sum(Item.stock))) or 0
    sold = session.scalar(select(func.sum(Order.pieces)).where(Order.state == "done")) or 0
    return in_stock + sold == PIECES


def nothing_is_owed(session: Session) -> bool:
    """Look that no more was sold than there was."""
    return all(stock >= 0 for stock in session.scalars(select(Item.stock)))


SHOP: dict[str, Any] = {"metadata": Base.metadata, "setup": seed}
