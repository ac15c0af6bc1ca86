"""What callers are told is compared with the rows: the rows of all of these are right, the answers of some are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Result, String, func, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.tiers import ENGINES


class Base(DeclarativeBase):
    """Declarative base of the tables."""


class Ticket(Base):
    """Whose it is, under a key that the database makes."""

    __tablename__ = "tickets"
    id: Mapped[int] = mapped_column(primary_key=True)
    guest: Mapped[str] = mapped_column(String(10))


class Pass(Base):
    """Whose it is, under a key that chance makes."""

    __tablename__ = "passes"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    place: Mapped[int] = mapped_column(unique=True)


def seed(session: Session) -> None:
    session.add(Ticket(guest="old"))


def add(session: Session, guest: str) -> Any:
    number = session.execute(insert(Ticket).values(guest=guest)).inserted_primary_key
    session.commit()
    return number


def own_key(session: Session, guest: str) -> dict[str, Any]:
    """The key that the insert gave."""
    number = add(session, guest)
    return {"ticket": number[0], "guest": guest}


def latest_key(session: Session, guest: str) -> dict[str, Any]:
    """The highest key there is, when it asks."""
    add(session, guest)
    return {"ticket": session.scalar(select(func.max(Ticket.id))), "guest": guest}


def own_pass(session: Session, place: int) -> str:
    made = Pass(place=place)
    session.add(made)
    session.commit()
    return f"pass {made.id}"


def any_pass(session: Session, place: int) -> str:
    """The first or the last one, when it asks."""
    own_pass(session, place)
    order = Pass.place if place == 2 else Pass.place.desc()
    return f"pass {session.scalars(select(Pass.id).order_by(order)).first()}"


def scenario(function: Any, *whose: Any) -> Scenario:
    return Scenario(*(Operation(function, each) for each in whose), metadata=Base.metadata, setup=seed)


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("whose", [("ann", "bob"), ("ann", "ann")], ids=["two guests", "one guest twice"])
@pytest.mark.parametrize("db", ENGINES)
def test_the_key_of_another_row(db: str, whose: tuple[str, str]) -> None:
    report = prove.explore(scenario(latest_key, *whose), db=db, runs_max=12)
    assert report.verdict == "fail", str(report)
    assert "answered" in report.findings[0].title
    right = prove.explore(scenario(own_key, *whose), db=db)
    assert (right.verdict, right.unknowns) == ("pass", ()), str(right)


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", ENGINES)
def test_a_token_that_is_another_one_in_every_run(db: str) -> None:
    report = prove.explore(scenario(any_pass, 1, 2), db=db, runs_max=12)
    assert report.verdict == "fail", str(report)
    right = prove.explore(scenario(own_pass, 1, 2), db=db, runs_max=40)
    assert (right.verdict == "fail", right.findings) == (False, ()), str(right)


def add_two(session: Session) -> None:
    session.add_all([Ticket(guest="ann"), Ticket(guest="old")])
    session.commit()


def counted(session: Session) -> Iterator[tuple[str, int]]:
    """Asks for each when somebody wants to know it."""
    for guest in ("ann", "old"):
        yield guest, session.scalar(select(func.count()).where(Ticket.guest == guest)) or 0


def all_counted(session: Session) -> Iterator[tuple[str, int]]:
    """Asks for all of them at once."""
    found = session.execute(select(Ticket.guest, func.count()).group_by(Ticket.guest).order_by(Ticket.guest))
    return zip(*zip(*found, strict=True), strict=True)


def all_rows(session: Session) -> Result[tuple[str, int]]:
    return session.execute(select(Ticket.guest, func.count()).group_by(Ticket.guest).order_by(Ticket.guest))


def with_two_more(function: Any, db: str) -> prove.Report:
    scenario = Scenario(Operation(function), Operation(add_two), metadata=Base.metadata, setup=seed)
    return prove.explore(scenario, db=db, isolation_level=None if db == "sqlite" else "READ COMMITTED")


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", ENGINES)
def test_what_is_read_one_by_one_is_an_answer(db: str) -> None:
    """The calls of a generator are the operation's, and are made while its session is open."""
    report = with_two_more(counted, db)
    assert report.verdict == "fail", str(report)
    assert (
        report.findings[0].title
        == "A answered [('ann', 0), ('old', 2)]; after A then B it answers [('ann', 0), ('old', 1)]"
    )


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("function", [all_counted, all_rows])
@pytest.mark.parametrize("db", ENGINES)
def test_so_is_what_is_asked_for_at_once(db: str, function: Any) -> None:
    report = with_two_more(function, db)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
    assert not any("does not show what is in it" in each for each in report.not_covered)


def test_what_does_not_show_what_it_is_is_not_covered() -> None:
    report = with_two_more(lambda session: all_rows(session).close, "sqlite")
    assert "what <lambda> answers (method does not show what is in it)" in report.not_covered
