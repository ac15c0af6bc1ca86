"""The bank's tables: accounts, which never fall below zero, and the entries of the transfers between them."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from acidity.run import Money


class Base(DeclarativeBase):
    """Declarative base of the bank."""


class Account(Base):
    """An account, and the money in it."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("balance >= 0", name="chk_balance_positive"),)

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    balance: Mapped[Decimal] = mapped_column(Money())


class Entry(Base):
    """One side of a transfer: an amount that left an account, below zero, or came into it."""

    __tablename__ = "entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    request: Mapped[str] = mapped_column(String(40))
    account: Mapped[str] = mapped_column(ForeignKey("accounts.name"))
    amount: Mapped[Decimal] = mapped_column(Money())
