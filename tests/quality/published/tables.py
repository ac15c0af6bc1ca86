"""The tables that the uses of published packages write to."""

from __future__ import annotations

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Entry(Base):
    """A line in somebody's book."""

    __tablename__ = "entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class Request(Base):
    """What has been done already, by the key that its caller gave it."""

    __tablename__ = "requests"

    key: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]


engine = create_engine("sqlite://")
ENGINE = "tests.quality.published.tables:engine"
