"""What the benchmarks move money in, and how they print what they measured."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The tables."""


class Account(Base):
    """An account."""

    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Entry(Base):
    """One side of a transfer."""

    __tablename__ = "entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    amount: Mapped[int]


def accounts(*balances: int) -> list[Account]:
    """One account for each, numbered from 1."""
    return [Account(id=number, balance=balance) for number, balance in enumerate(balances, 1)]


def ratio(values: Sequence[float], reference: Sequence[float]) -> float:
    """The median of the ratios of values that were measured beside each other."""
    return statistics.median(one / other for one, other in zip(values, reference, strict=True))


def load() -> str:
    """How much else the machine does, which every figure is printed with."""
    return f"load {os.getloadavg()[0]:.1f}"
