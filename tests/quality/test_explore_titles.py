"""A title speaks of the run that is shown: chance makes other values of each run, and no reader knows those of another one."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Literal
from uuid import uuid4

import pytest
from sqlalchemy import CheckConstraint, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.orm.exc import StaleDataError

from acidity import prove
from acidity.core.finding import Finding
from acidity.prove import Operation, Retry, Scenario


class Base(DeclarativeBase):
    """Declarative base of tickets."""


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]


class Page(Base):
    __tablename__ = "pages"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class Coin(Base):
    __tablename__ = "coins"
    id: Mapped[int] = mapped_column(primary_key=True)
    left: Mapped[int]
    __table_args__ = (CheckConstraint('"left" >= 0'),)


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


class Conflict(Exception):
    """Somebody else has written the page meanwhile."""


def seed(session: Session) -> None:
    session.add_all([Order(id=1, state="paid"), Page(id=1, body="", version=1), Coin(id=1, left=1)])


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


def edit(session: Session, more: str) -> None:
    """Adds to a page whose versions SQLAlchemy counts."""
    with session.begin():
        page = session.get_one(Page, 1)
        page.body += more


def edit_by_hand(session: Session, more: str, *, ends: bool = True) -> bool:
    """The same with a version that the program counts itself; `ends` says that it raises."""
    with session.begin() as transaction:
        body, version = session.execute(select(Page.body, Page.version)).one()
        same = update(Page).where(Page.id == 1, Page.version == version)
        if session.connection().execute(same.values(body=body + more, version=version + 1)).rowcount:
            return True
        if ends:
            raise Conflict
        transaction.rollback()
    return False


def spend(session: Session) -> bool:
    """Takes the last coin, if there was one when it looked."""
    with session.begin():
        if not session.scalar(select(Coin.left)):
            return False
        session.connection().execute(update(Coin).values(left=Coin.left - 1))
    return True


def explored(*operations: Operation) -> prove.Report:
    return prove.explore(Scenario(*operations, metadata=Base.metadata, setup=seed))


@pytest.mark.parametrize(("answer", "told"), [(None, "was told ok"), ("shipped", "answered 'shipped'")])
def test_who_was_to_be_refused_is_named(answer: str | None, told: str) -> None:
    """Rows and answers are as in an order; only the refusal is missing."""
    (finding,) = explored(Operation(ship, answer=answer), Operation(ship, answer=answer)).findings
    assert finding.title == f"B {told}; after A then B it fails with Illegal: shipped"


def test_who_is_refused_has_no_finding() -> None:
    assert explored(Operation(ship_if_paid), Operation(ship_if_paid)).verdict == "pass"


@pytest.mark.parametrize(
    ("function", "exception", "answer"), [(edit, "StaleDataError", None), (edit_by_hand, "Conflict", True)]
)
def test_who_gives_up_is_told_and_not_what_is_missing(
    function: Callable[..., object], exception: str, answer: object
) -> None:
    """Nothing is lost that anybody was told is there."""
    (finding,) = explored(Operation(function, "x"), Operation(function, "x")).findings
    assert finding.anomaly == "stale check"
    assert finding.title == f"A failed with {exception}; after A then B it answers {answer!r}"
    assert [f"retry=Retry(exceptions={exception})" in remedy.name for remedy in finding.remedies] == [True]


@pytest.mark.parametrize(("function", "exception"), [(edit, StaleDataError), (edit_by_hand, Conflict)])
def test_who_is_called_again_has_no_finding(function: Callable[..., object], exception: type[Exception]) -> None:
    again = Retry(exceptions=exception)
    report = explored(Operation(function, "x", retry=again), Operation(function, "x", retry=again))
    assert (report.verdict, report.findings) == ("pass", ())


def test_who_answers_that_it_gave_up_has_the_same_name() -> None:
    """It takes back what it has not changed, so that no COMMIT of its own tells that it acted."""
    operations = [Operation(edit_by_hand, "x", ends=False) for _ in "AB"]
    (finding,) = explored(*operations).findings
    assert (finding.anomaly, finding.remedies) == ("stale check", ())


def test_whom_the_database_refuses_is_not_told_to_try_again() -> None:
    (finding,) = explored(Operation(spend), Operation(spend)).findings
    assert finding.title.startswith("A failed with IntegrityError; ")
    assert (finding.anomaly, finding.remedies) == ("stale check", ())


def charge(guest: str) -> None:
    """The card of the guest."""


def whoever_comes_second_fails(session: Session) -> str:
    """Look for the key, charge, then keep the key: whoever comes second is refused, after he has charged."""
    if session.execute(select(Ticket.id).where(Ticket.id == "k")).scalar_one_or_none() is not None:
        return "known"
    session.rollback()
    charge("ann")
    session.execute(insert(Ticket).values(id="k", guest="ann"))
    session.commit()
    return "paid"


def whoever_comes_second_is_told(session: Session) -> str:
    try:
        return whoever_comes_second_fails(session)
    except IntegrityError:
        session.rollback()
        return "known"


@pytest.mark.parametrize("function", [whoever_comes_second_fails, whoever_comes_second_is_told])
@pytest.mark.parametrize("commits", ["one", "several"])
def test_what_took_place_too_often_leads(
    function: Callable[[Session], str], commits: Literal["one", "several"]
) -> None:
    rules = (
        {"invariants": lambda session: session.scalar(select(func.count(Ticket.id))) < 2}
        if commits == "several"
        else {}
    )
    scenario = Scenario(Operation(function), metadata=Base.metadata, effects=charge, commits=commits, **rules)
    finding = prove.explore(scenario).findings[0]
    assert finding.title == "charge took place twice, and once after A then B"
    assert finding.severity == ("error" if commits == "one" else "warning")
