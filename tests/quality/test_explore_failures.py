"""Letter I: what a caller that fails says is compared, and who is turned away is not excused for all that comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.engines.bank import Base, seed
from tests.tiers import ENGINES, SERVERS, mostly_slow


class OutOfBalance(Exception):
    """The books are off."""


def transfers(session: Session) -> None:
    session.execute(text("UPDATE accounts SET balance = balance - 10 WHERE id = 1"))
    session.execute(text("UPDATE accounts SET balance = balance + 10 WHERE id = 2"))
    session.commit()


def balances(session: Session) -> list[int]:
    """One after the other: the transfer may come between."""
    asked = (text(f"SELECT balance FROM accounts WHERE id = {number}") for number in (1, 2))
    found = [session.execute(each).scalar_one() for each in asked]
    session.commit()
    return found


def balances_at_once(session: Session) -> list[int]:
    found = session.execute(text("SELECT balance FROM accounts ORDER BY id")).scalars().all()
    session.commit()
    return list(found)


def audits(session: Session, read: Callable[[Session], list[int]] = balances) -> None:
    """They were 100 and 0."""
    if (found := read(session)) != [100, 0]:
        raise OutOfBalance(f"{found} of {object()}")


def audits_in_a_group(session: Session) -> None:
    try:
        audits(session)
    except OutOfBalance as error:
        raise ExceptionGroup("audit", [error]) from None


def reports(session: Session) -> dict[str, Any]:
    found = balances(session)
    return {"ok": found == [100, 0], "found": found}


def explored(*operations: Operation, db: str = "sqlite", level: str | None = "READ COMMITTED") -> prove.Report:
    scenario = Scenario(*operations, metadata=Base.metadata, setup=seed)
    return prove.explore(scenario, db=db, isolation_level=None if db == "sqlite" else level)


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (Operation(audits), "failed with OutOfBalance: [100, 10]"),
        (Operation(audits_in_a_group), "failed with ExceptionGroup[OutOfBalance]: audit (1 sub-exception): Out"),
        (Operation(reports, succeeded=lambda answer: answer["ok"]), "answered {'ok': False, 'found': [100, 10]}"),
    ],
    ids=["an exception", "a group", "an answer"],
)
def test_what_a_failure_says_is_as_wrong_as_an_answer(operation: Operation, said: str, db: str) -> None:
    """After the transfer they fail as well, with 90 and 10."""
    report = explored(operation, Operation(transfers), db=db)
    assert (report.verdict, report.unknowns) == ("fail", ()), str(report)
    assert report.findings[0].title.startswith(f"A {said}"), report.findings[0].title
    assert "; after B then A it " in report.findings[0].title


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", ENGINES)
def test_one_that_fails_as_after_the_other_is_right(db: str) -> None:
    """The address of an object in what it says is another one each time."""
    report = explored(Operation(audits, balances_at_once), Operation(transfers), db=db)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)


def books(session: Session, told: type[Exception], *, grouped: bool = False) -> None:
    """A number is taken once; whoever comes later is told so by itself, or by the database."""
    error: Exception | None = None
    if session.execute(text("SELECT 1 FROM accounts WHERE id = 7")).first():
        error = OutOfBalance("it is taken")
    else:
        try:
            session.execute(text("INSERT INTO accounts (id, owner, balance) VALUES (7, 'x', 0)"))
            session.commit()
        except IntegrityError:
            session.rollback()
            error = told("somebody was faster")
    if error is not None:
        raise ExceptionGroup("books", [error]) if grouped else error


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("grouped", [False, True])
def test_a_refusal_may_have_several_texts(*, grouped: bool, db: str) -> None:
    """But it is one refusal, also in a group."""
    right, wrong = (explored(Operation(books, told, grouped=grouped), db=db) for told in (OutOfBalance, LookupError))
    assert (right.verdict, right.unknowns) == ("pass", ()), str(right)
    name = "ExceptionGroup[OutOfBalance]" if grouped else "OutOfBalance"
    assert f"whether books may say so in other words where it fails with {name}" in right.not_covered
    assert wrong.verdict == "fail", str(wrong)


def moves_on(session: Session) -> dict[str, Any]:
    """Writes only where nobody has written since it read."""
    balance = session.execute(text("SELECT balance FROM accounts WHERE id = 1")).scalar_one()
    update = text("UPDATE accounts SET balance = :to WHERE id = 1 AND balance = :was")
    done: Any = session.execute(update, {"to": balance - 1, "was": balance})
    session.commit()
    return {"ok": done.rowcount == 1}


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("refused", [False, True])
def test_a_conflict_that_is_answered_is_one_that_is_raised(*, refused: bool, db: str) -> None:
    """As with an exception, only the user can say that it is meant."""
    operation = Operation(moves_on, succeeded=lambda answer: answer["ok"], refused=refused)
    report = explored(operation, db=db)
    assert report.verdict == ("pass" if refused else "fail"), str(report)


def numbers(session: Session, name: str, *, remembers: bool) -> int:
    """The next number, in a few attempts."""
    number = 0
    for _ in range(4):
        try:
            if session.bind.dialect.name == "sqlite":  # type: ignore[union-attr]
                session.execute(text("BEGIN"))
            if not number or not remembers:
                number = session.execute(text("SELECT max(id) + 1 FROM accounts")).scalar_one()
            session.execute(text("UPDATE accounts SET balance = balance - 1 WHERE id = 1"))
            values = {"id": number, "owner": name}
            session.execute(text("INSERT INTO accounts (id, owner, balance) VALUES (:id, :owner, 0)"), values)
            session.commit()
        except OperationalError:
            session.rollback()
        else:
            return number
    raise TimeoutError


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", ["sqlite", "postgresql"])
def test_a_number_that_outlives_its_attempt_is_found(db: str) -> None:
    """Turned away once, and then it breaks a constraint, as it does in no order."""
    wrong, right = (
        explored(*(Operation(numbers, name, remembers=each) for name in "ab"), db=db, level="REPEATABLE READ")
        for each in (True, False)
    )
    assert (wrong.verdict, wrong.unknowns) == ("fail", ()), str(wrong)
    assert "failed with IntegrityError" in wrong.findings[0].title
    assert right.verdict == ("unknown" if db == "sqlite" else "pass"), str(right)  # who tries again there has no end


def pays(session: Session, told: type[Exception] | None) -> None:
    try:
        session.execute(text("SELECT balance FROM accounts WHERE id = 1 FOR UPDATE NOWAIT"))
    except DBAPIError:
        session.rollback()
        if told is None:
            raise
        raise told("no money") from None
    session.execute(text("UPDATE accounts SET balance = balance - 10 WHERE id = 1"))
    session.commit()


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", SERVERS)
def test_what_is_raised_for_a_refusal_is_not_known_to_be_right(db: str) -> None:
    """Nobody but the program knows whether it means that somebody else was there."""
    other, own = (explored(Operation(pays, told), db=db) for told in (OutOfBalance, None))
    assert (other.verdict, own.verdict) == ("pass", "pass"), f"{other}{own}"
    said = "whether pays may fail with {} where the database turned it away"
    assert said.format("OutOfBalance") in other.not_covered
    assert not any("whether pays may fail" in each for each in own.not_covered)
