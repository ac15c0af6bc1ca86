"""Copies of generated keys: what was taken back has used a key up, and with it the copies of it are others.

An order number made of the key, a message, a document: none of them is a foreign key. SQLite uses no key up; there these
programs are as right, or as wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import JSON, String, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.prove import Operation, Scenario
from acidity.prove.explore import keyed
from tests.tiers import ENGINES, SERVERS

Writes = Callable[[Session, int], Any]


class Base(DeclarativeBase):
    """Declarative base of one shop."""


class Stock(Base):
    """What is left, with a version that moves on with each change."""

    __tablename__ = "stock"
    id: Mapped[int] = mapped_column(primary_key=True)
    left: Mapped[int]
    version: Mapped[int]


class Order(Base):
    """The database makes its key."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str | None] = mapped_column(String(20))


class Message(Base):
    """What others are told, later."""

    __tablename__ = "messages"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_no: Mapped[int | None]
    text: Mapped[str | None] = mapped_column(String(40))
    payload: Mapped[Any] = mapped_column(JSON, nullable=True)


def seed(session: Session) -> None:
    session.add(Stock(id=1, left=5, version=1))


def as_a_number(session: Session, key: int) -> None:
    session.add(Message(order_no=key))


def as_a_text(session: Session, key: int) -> str:
    session.add(Message(text=f"order {key} of 2030"))
    return f"ORD-{key:06d}"


def as_a_document(session: Session, key: int) -> dict[str, Any]:
    session.add(Message(payload={"type": "ordered", "orders": [{"id": key, "items": 2}]}))
    return {"location": f"/orders/{key}"}


def as_its_number(session: Session, key: int) -> str:
    session.get_one(Order, key).number = number = f"2030-{key:05d}"
    return number


def as_a_short_link(session: Session, key: int) -> str:
    """No copy of the key, and made of it all the same."""
    link = sha256(str(key).encode()).hexdigest()[:8]
    session.get_one(Order, key).number = link
    session.add(Message(text=f"{link} of 2030", order_no=key))
    return link


def as_a_link_that_is_sent(session: Session, key: int) -> None:
    session.add(Message(text=sha256(str(key).encode()).hexdigest()[:8]))


def of_the_last_one(session: Session, key: int) -> None:
    """It may be another caller's."""
    del key
    session.add(Message(order_no=session.scalars(select(func.max(Order.id))).one()))


def as_a_link_to_the_last_one(session: Session, key: int) -> None:
    """It may be another caller's."""
    last = session.scalars(select(func.max(Order.id))).one()
    session.get_one(Order, key).number = sha256(str(last).encode()).hexdigest()[:8]


def as_an_answer_that_is_the_link_of_the_last_one(session: Session, key: int) -> str:
    as_a_short_link(session, key)
    return session.scalars(select(Order.number).order_by(Order.id.desc()).limit(1)).one() or ""


def as_a_link_that_counts(session: Session, key: int) -> None:
    """What it has counted is to be seen nowhere else."""
    others = session.scalars(select(func.count()).select_from(Order)).one()
    session.get_one(Order, key).number = sha256(f"{key} {others}".encode()).hexdigest()[:8]


def as_an_answer_that_is_another_one(session: Session, key: int) -> str:
    del session
    return f"ORD-{key % 2:06d}"


def ordered(session: Session, write: Writes) -> Any:
    """Only if nobody else has ordered meanwhile; else it tries again, and has another key then."""
    for _ in range(3):
        stock = session.get_one(Stock, 1, populate_existing=True)
        order = Order()
        session.add(order)
        session.flush()
        said = write(session, order.id)
        moves_on = update(Stock).where(Stock.id == 1, Stock.version == stock.version)
        done: Any = session.execute(moves_on.values(left=stock.left - 1, version=stock.version + 1))
        if done.rowcount == 1:
            session.commit()
            return said
        session.rollback()
    raise RuntimeError("too busy")


def keeps_its_first_key(session: Session, write: Writes) -> None:
    """What it tries again has another key, and the link of the first one."""
    first = 0
    for _ in range(3):
        stock = session.get_one(Stock, 1, populate_existing=True)
        order = Order()
        session.add(order)
        session.flush()
        first = first or order.id
        order.number = sha256(str(first).encode()).hexdigest()[:8]
        moves_on = update(Stock).where(Stock.id == 1, Stock.version == stock.version)
        done: Any = session.execute(moves_on.values(left=stock.left - 1, version=stock.version + 1))
        if done.rowcount == 1:
            session.commit()
            return
        session.rollback()
    raise RuntimeError("too busy")


def keeps_what_it_counted(session: Session, write: Writes) -> None:
    """What it tries again has another key, and the number of orders that there were the first time."""
    del write
    counted: list[int] = []

    def link(session: Session, key: int) -> None:
        if not counted:
            counted.append(session.scalars(select(func.count()).select_from(Order)).one())
        session.get_one(Order, key).number = sha256(f"{key} {counted[0]}".encode()).hexdigest()[:8]

    ordered(session, link)


def unguarded(session: Session, write: Writes) -> Any:
    order = Order()
    session.add(order)
    session.flush()
    said = write(session, order.id)
    session.commit()
    return said


def explored(write: Writes, db: str, ordered: Callable[..., Any] = ordered) -> prove.Report:
    scenario = Scenario(Operation(ordered, write), metadata=Base.metadata, setup=seed)
    return prove.explore(scenario, db=db, isolation_level=None if db == "sqlite" else "READ COMMITTED")


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("write", [as_a_number, as_a_text, as_a_document, as_its_number, as_a_short_link])
@pytest.mark.parametrize("program", [ordered, unguarded])
def test_a_copy_goes_with_its_key(write: Writes, program: Callable[..., Any], db: str) -> None:
    report = explored(write, db, program)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize(
    ("write", "program"),
    [
        (of_the_last_one, unguarded),
        (as_an_answer_that_is_another_one, ordered),
        (as_a_link_to_the_last_one, unguarded),
        (as_an_answer_that_is_the_link_of_the_last_one, unguarded),
        (as_a_link_that_counts, unguarded),
        (as_a_short_link, keeps_its_first_key),
        (as_a_short_link, keeps_what_it_counted),
    ],
)
def test_one_of_another_key_is_found(write: Writes, program: Callable[..., Any], db: str) -> None:
    report = explored(write, db, program)
    assert report.verdict == "fail", str(report)


@pytest.mark.dear
def test_where_too_many_runs_were_needed_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "_RUNS_MAX", 0)
    report = explored(as_a_short_link, "postgresql")
    assert report.verdict == "unknown", str(report)
    assert any("serial runs are needed to know what is made of generated keys" in why for why in report.unknowns)


def test_it_is_said_what_a_copy_is_compared_by() -> None:
    report = explored(as_its_number, "postgresql")
    (note,) = (each for each in report.notes if "copies" in each)
    assert note.endswith("copies of such keys are compared up to the same renaming: orders.number"), note


def tries_again(session: Session, write: Writes, *, remembers: bool) -> None:
    """As a retry does that keeps what it has read in its first attempt."""
    key = 0
    for attempt in range(3):
        try:
            order = Order()
            session.add(order)
            session.flush()
            key = key if key and remembers else order.id
            write(session, key)
            session.commit()
        except DBAPIError:
            session.rollback()
            if attempt == 2:
                raise
        else:
            return


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize("write", [as_a_number, as_a_document, as_a_link_that_is_sent])
@pytest.mark.parametrize(("remembers", "words"), [(False, set()), (True, {"torn"})])
def test_a_fault_uses_a_key_up(write: Writes, db: str, *, remembers: bool, words: set[str]) -> None:
    """Letter A: what is written in the second attempt has another key, and the copies have to be of that."""
    operation = Operation(tries_again, write, remembers=remembers)
    scenario = Scenario(operation, metadata=Base.metadata, setup=seed)
    report = prove.drill(scenario, db=db, faults=["serialization", "deadlock"])
    assert not report.unknowns, report
    assert {found.word for found in report.findings if found.severity == "error"} == words
