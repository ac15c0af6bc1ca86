"""A title speaks of the run that is shown: chance makes other values of each run, and no reader knows those of another one."""

from __future__ import annotations

import secrets
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.finding import Finding
from acidity.prove import Operation, Scenario


class Base(DeclarativeBase):
    """Declarative base of tickets."""


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]


class Ticket(Base):
    __tablename__ = "tickets"
    id: Mapped[str] = mapped_column(primary_key=True)
    guest: Mapped[str]


def once(session: Session, guest: str, *, as_uuid: bool) -> None:
    """The only ticket, unless another one looks before it is there."""
    if not session.execute(select(func.count()).select_from(Ticket)).scalar_one():
        key = str(uuid4()) if as_uuid else secrets.token_hex(8)
        session.execute(insert(Ticket).values(id=key, guest=guest))
    session.commit()


def found(*, as_uuid: bool) -> Finding:
    operations = [Operation(once, guest, as_uuid=as_uuid, name=guest) for guest in ("ann", "bob")]
    (finding,) = prove.explore(Scenario(*operations, metadata=Base.metadata)).findings
    return finding


def test_a_row_too_many_is_one_of_those_that_are_shown() -> None:
    finding = found(as_uuid=False)
    rows = [", ".join(f"{column} {value}" for column, value in change.after or ()) for change in finding.diff]
    told = finding.title.removeprefix("tickets has a row too many (").partition(")")[0]
    assert told in rows, finding.title


def test_a_key_that_is_another_one_each_time_says_nothing() -> None:
    assert found(as_uuid=True).title in {
        f"tickets has a row too many (guest {guest}), which is not there after {order}"
        for guest in ("ann", "bob")
        for order in ("A then B", "B then A")
    }


class Illegal(Exception):
    """The order is not in the state that it has to be in."""


def seed(session: Session) -> None:
    session.add(Order(id=1, state="paid"))


def ship(session: Session, *, answer: str | None = None) -> str | None:
    """Ships what is paid, if it was so when it looked."""
    with session.begin():
        order = session.get_one(Order, 1)
        if order.state != "paid":
            raise Illegal(order.state)
        order.state = "shipped"
    return answer


def ship_if_paid(session: Session) -> None:
    """Ships what is paid."""
    with session.begin():
        paid = update(Order).where(Order.id == 1, Order.state == "paid")
        if not session.connection().execute(paid.values(state="shipped")).rowcount:
            raise Illegal


def explored(*operations: Operation) -> prove.Report:
    return prove.explore(Scenario(*operations, metadata=Base.metadata, setup=seed))


@pytest.mark.parametrize(("answer", "told"), [(None, "was told ok"), ("shipped", "answered 'shipped'")])
def test_who_was_to_be_refused_is_named(answer: str | None, told: str) -> None:
    """Rows and answers are as in an order; only the refusal is missing."""
    (finding,) = explored(Operation(ship, answer=answer), Operation(ship, answer=answer)).findings
    assert finding.title == f"B {told}; after A then B it fails with Illegal: shipped"


def test_who_is_refused_has_no_finding() -> None:
    assert explored(Operation(ship_if_paid), Operation(ship_if_paid)).verdict == "pass"
