"""What the five applications of a shop share: its tables, what must hold, and what must be said of a broken one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.core.cause import CauseKind
from acidity.prove import Operation, Scenario


class Base(DeclarativeBase):
    """The tables."""


class Product(Base):
    __tablename__ = "products"
    id: Mapped[int] = mapped_column(primary_key=True)
    stock: Mapped[int]


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    items: Mapped[int]


class LogLine(Base):
    __tablename__ = "log_lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(40))


def ten_of_one(session: Session) -> None:
    session.add(Product(id=1, stock=10))


def stock_adds_up(session: Session) -> None:
    sold = session.scalar(select(func.coalesce(func.sum(Order.items), 0))) or 0
    assert session.get_one(Product, 1).stock + sold == 10, f"{sold} sold"


@dataclass(frozen=True)
class App:
    """A broken operation, its mended twin, and what must be said of the broken one.

    Attributes:
        buggy: the broken one.
        mended: the right one.
        kind: the kind of cause.
        marker: the comment on the line that the finding points at.
        path: the functions on the way to it, the innermost first.
        remedy: the change that ends it, by its key.
        scenario: arguments of the Scenario.
        dbs: engine → the driver that it is for.
    """

    buggy: Operation | Callable[..., Any]
    mended: Operation | Callable[..., Any]
    kind: CauseKind
    marker: str
    path: tuple[str, ...]
    remedy: str
    scenario: Mapping[str, Any] = field(default_factory=dict)
    dbs: Mapping[str, str] = field(default_factory=dict)

    def of(self, operation: Operation | Callable[..., Any]) -> Scenario:
        """The Scenario of one of the two."""
        given = {"metadata": Base.metadata} | dict(self.scenario)
        return Scenario(operation, setup=ten_of_one, invariants=[stock_adds_up], **given)
