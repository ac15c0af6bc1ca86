"""Texts with something random in them: what is around it is compared, in rows and in answers, and it alone is masked."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import String, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.run.drilling import drilled
from tests.tiers import mostly_slow


class Base(DeclarativeBase):
    """Declarative base of two tables."""


class Account(Base):
    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(200))


FORMS: dict[str, Callable[[int], str]] = {
    "after": lambda left: f"{uuid4()}-{left}",
    "before": lambda left: f"{left}-{uuid4()}",
    "joined": lambda left: f"receipt_{uuid4().hex}_left_{left}",
    "path": lambda left: f"https://x.example/{uuid4()}/left/{left}",
    "time": lambda left: f"invoice of {datetime.now(UTC)}: {left}",
    "JSON": lambda left: json.dumps({"receipt": f"{uuid4()}-{left}"}),
}


def seed(session: Session) -> None:
    session.add(Account(id=1, balance=100))


def notes_what_it_read(session: Session, form: str, *, answers: bool = False) -> str | None:
    """The balance is right whoever comes when; what was left is told of the balance that was read."""
    balance = session.get_one(Account, 1).balance
    session.execute(update(Account).values(balance=Account.balance - 10))
    text = FORMS[form](balance - 10)
    if not answers:
        session.add(Note(text=text))
    session.commit()
    return text if answers else None


def notes_what_is_left(session: Session, form: str, *, answers: bool = False) -> str | None:
    """It reads what it has written."""
    session.execute(update(Account).values(balance=Account.balance - 10))
    text = FORMS[form](session.scalars(select(Account.balance)).one())
    if not answers:
        session.add(Note(text=text))
    session.commit()
    return text if answers else None


def explored(function: Callable[..., object], *args: object, db: str, **kwargs: object) -> prove.Report:
    operation = Operation(function, *args, **kwargs)  # type: ignore[arg-type]
    return prove.explore(Scenario(operation, metadata=Base.metadata, setup=seed), db=db)


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("form", FORMS)
def test_what_is_around_something_random_is_compared(form: str, db: str) -> None:
    report = explored(notes_what_it_read, form, db=db)
    assert report.verdict == "fail", report
    report = explored(notes_what_is_left, form, db=db)
    assert report.verdict == "pass", report


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("form", ["after", "before", "joined", "path"])
def test_so_it_is_in_an_answer(form: str, db: str) -> None:
    assert explored(notes_what_it_read, form, db=db, answers=True).verdict == "fail"
    report = explored(notes_what_is_left, form, db=db, answers=True)
    assert report.verdict == "pass", report


def test_the_column_alone_is_named() -> None:
    report = explored(notes_what_is_left, "path", db="sqlite")
    assert "new random tokens are compared up to renaming: notes.text" in str(report)
    report = explored(notes_what_it_read, "path", db="sqlite")
    assert "/left/90" in str(report), "and what is not random is shown"


def notes_both(session: Session, number: str, *, reads_first: bool) -> None:
    """Something random in one row, and in another one what the application has computed."""
    if reads_first:
        left = session.get_one(Account, 1).balance - 10
        session.execute(update(Account).values(balance=Account.balance - 10))
    else:
        session.execute(update(Account).values(balance=Account.balance - 10))
        left = session.scalars(select(Account.balance)).one()
    session.add_all([Note(text=str(uuid4())), Note(text=number.format(left))])
    session.commit()


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("number", ["INV-{}", "price-snapshot-{:08d}"])
def test_what_is_no_chance_is_compared_in_a_column_of_tokens(number: str, db: str) -> None:
    report = explored(notes_both, number, db=db, reads_first=True)
    assert report.verdict == "fail", report
    report = explored(notes_both, number, db=db, reads_first=False)
    assert report.verdict == "pass", report


def orders(session: Session) -> None:
    session.add_all([Note(text=str(uuid4())), Note(text=f"{session.get_one(Account, 1).balance}")])
    session.flush()
    session.expire_all()
    session.add(Note(text=f"price-snapshot-{session.get_one(Account, 1).balance:08d}"))
    session.commit()


def reprices(session: Session) -> None:
    session.execute(update(Account).values(balance=12))
    session.commit()


@pytest.mark.slow
@pytest.mark.parametrize("db", ["postgresql"])
def test_what_each_order_has_of_its_own_is_no_chance(db: str) -> None:
    scenario = Scenario(orders, reprices, metadata=Base.metadata, setup=seed)
    assert prove.explore(scenario, db=db).verdict == "fail"
    report = prove.explore(scenario, db=db, isolation_level="REPEATABLE READ")
    assert report.verdict == "pass", report


def pays(session: Session) -> None:
    with session.begin():
        session.get_one(Account, 1).balance -= 10
        session.add(Note(text=FORMS["path"](90)))


def pays_in_two(session: Session) -> None:
    session.get_one(Account, 1).balance -= 10
    session.commit()
    session.add(Note(text=FORMS["path"](90)))
    session.commit()


def pays_again_with_what_is_left_then(session: Session) -> None:
    """It tries again after an error, which may have come after the COMMIT, and notes that something else is left."""
    for left in (90, 80):
        try:
            session.add(Note(id=1, text=FORMS["path"](left)))
            session.get_one(Account, 1).balance = 90
            session.commit()
        except Exception:
            session.rollback()
        else:
            return


def says_who_it_is(session: Session) -> None:
    with session.begin():
        session.add(Note(text=f"worker-{os.getpid()}-{uuid4()}"))


def test_a_process_that_is_killed_has_another_number() -> None:
    scenario = Scenario(says_who_it_is, metadata=Base.metadata, setup=seed)
    report = drilled(scenario, "sqlite", "kill-before", "kill-after")
    assert report.verdict == "pass", report


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
def test_a_drill_compares_them_too(db: str) -> None:
    def words(function: Callable[..., object]) -> set[str]:
        report = drilled(Scenario(function, metadata=Base.metadata, setup=seed), db, "error-before")
        assert not report.unknowns, report
        return {word for found in report.findings for word in found.errors}

    assert words(pays) == set()
    assert words(pays_in_two) == {"torn"}
    assert words(pays_again_with_what_is_left_then), "what was noted is another text"
