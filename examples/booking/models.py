"""The tables of an airline: its flights, and the seats of each with the passenger who has it."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Declarative base of the airline."""


class Flight(Base):
    """A flight, as AI-101."""

    __tablename__ = "flights"

    code: Mapped[str] = mapped_column(String(10), primary_key=True)


class Seat(Base):
    """A seat of a flight, as 14A; it is free while nobody has it."""

    __tablename__ = "seats"

    flight: Mapped[str] = mapped_column(ForeignKey("flights.code"), primary_key=True)
    number: Mapped[str] = mapped_column(String(4), primary_key=True)
    passenger: Mapped[str | None] = mapped_column(String(40))
