"""The tables of the budget tracker: categories, and the expenses in them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Dialect, ForeignKey, Numeric, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

CENT = Decimal("0.01")
LIMIT = Decimal("100000000.00")  # Numeric(10, 2) holds amounts below this


class Money(TypeDecorator[Decimal]):
    """``Numeric(10, 2)`` that is exact on SQLite too.

    SQLite has no decimal type. It would store NUMERIC as a float: a thousand times 0.10 sums to 99.9999999999986,
    and 0.30 - 0.10 - 0.10 - 0.10 is below zero. So there the column holds whole cents, as an integer. An amount that
    does not fit is an error, never rounded.
    """

    impl = Numeric(10, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Whole cents on SQLite, the real thing elsewhere."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else Numeric(10, 2))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | int | None:
        """Python to database."""
        if value is None:
            return None
        if abs(value) >= LIMIT or value != value.quantize(CENT):
            raise ValueError(f"not an amount of money in Numeric(10, 2): {value}")
        return int(value.scaleb(2)) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        """Database to Python."""
        if value is None:
            return None
        return Decimal(value).scaleb(-2) if dialect.name == "sqlite" else Decimal(value)


def today() -> dt.date:
    """The date that a new expense gets."""
    return dt.datetime.now(tz=dt.UTC).date()


class Base(DeclarativeBase):
    """Declarative base of the budget tracker."""


class Category(Base):
    """What money is spent on; it belongs to one user."""

    __tablename__ = "categories"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(50), unique=True)


class Expense(Base):
    """One amount in one category; a transfer is two of them, one negative and one positive."""

    __tablename__ = "expenses"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id"))
    description: Mapped[str] = mapped_column(String(200))
    amount: Mapped[Decimal] = mapped_column(Money())
    date: Mapped[dt.date] = mapped_column(default=today)
