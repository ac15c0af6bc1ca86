"""A title speaks of the run that is shown: chance makes other values of each run, and no reader knows those of another one."""

from __future__ import annotations

import secrets
from uuid import uuid4

from sqlalchemy import func, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.finding import Finding
from acidity.prove import Operation, Scenario


class Base(DeclarativeBase):
    """Declarative base of tickets."""


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
