"""Scenarios whose reports must be the same in every process; a module, so that a command can name them."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from typing import Any

from sqlalchemy import DateTime, String, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.prove import Operation, Scenario
from tests.engines.bank import bank, total_is_kept
from tests.quality import operations as ops


class Shop(DeclarativeBase):
    pass


class Order(Shop):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[int]
    token: Mapped[str] = mapped_column(String(64))
    ref: Mapped[uuid.UUID] = mapped_column(Uuid)
    made: Mapped[dt.datetime] = mapped_column(DateTime)


def order(price: int) -> Order:
    """With everything that is different in every run."""
    made = dt.datetime.now(tz=dt.UTC).replace(tzinfo=None)
    return Order(price=price, token=secrets.token_hex(16), ref=uuid.uuid4(), made=made)


def two_orders(session: Session) -> dict[str, Any]:
    """Two commits, rows full of random values, and an answer with them."""
    made = [order(1), order(2)]
    for each in made:
        session.add(each)
        session.commit()
    return {"refs": [each.ref for each in made], "tags": {"a", "b", "c"}}


def two_orders_at_any_rate(session: Session) -> dict[str, Any]:
    """Says that all went well, and answers with random values and a set."""
    made = [order(1), order(2)]
    for each in made:
        try:
            session.add(each)
            session.commit()
        except Exception:
            session.rollback()
    return {"tags": {"a", "b", "c"}, "ref": uuid.uuid4(), "text": f"made {uuid.uuid4()}"}


class Desk:
    """An object without a repr of its own: its address must not be seen."""

    def two_commits(self, session: Session) -> object:
        ops.two_commits(session)
        return {"by": str(self)}


torn = bank(ops.two_commits, invariants=[total_is_kept])
stranger = bank(ops.session_stock)
doubled = bank(ops.retried)
savepoints = bank(ops.savepoints)
swallowed = bank(ops.error_swallowed)
random_rows = Scenario(Operation(two_orders), metadata=Shop.metadata)
random_answer = Scenario(Operation(two_orders_at_any_rate, succeeded=bool), metadata=Shop.metadata)
of_an_object = bank(Operation(Desk().two_commits, succeeded=bool))
several = Scenario(
    Operation(ops.two_commits),
    Operation(ops.session_begin),
    Operation(ops.helper_commits),
    metadata=torn.metadata,
    setup=torn.setup,
)
asynchronous = bank(ops.async_stock)
