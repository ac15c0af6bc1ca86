"""Letter C: declared constraints, also where they are not enforced, and stated invariants, in every end state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, insert, select, text, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.core.cause import CauseKind
from acidity.errors import UsageError
from tests.engines.bank import ALICE, BOB, Account, Payment, bank, move, total_is_kept
from tests.quality.controls import codes
from tests.quality.drilled import check, drill
from tests.quality.operations import session_begin, two_commits

pytestmark = pytest.mark.few_or_all


def pays_for_nobody(session: Session) -> None:
    with session.begin():
        session.execute(insert(Payment).values(account_id=99, amount=1))


def never_negative(session: Session) -> bool:
    return all(account.balance >= 0 for account in session.query(Account))


def payments_add_up(session: Session, run: Any) -> None:
    spent = sum(session.scalars(select(Payment.amount))) - sum(run.before.scalars(select(Payment.amount)))
    moved = run.before.get_one(Account, ALICE).balance - session.get_one(Account, ALICE).balance
    (ending,) = run.ended
    assert spent == moved, f"{moved} moved, {spent} noted, told {ending.told}"


def test_a_broken_foreign_key_is_found_though_it_is_not_enforced() -> None:
    report = drill(bank(pays_for_nobody))
    assert codes(report) == {"ACI251"}, report
    assert {word for found in report.findings for word in found.errors} == {"inconsistent"}
    card = check(bank(pays_for_nobody), letters="AC")
    assert {letter: getattr(row, "letter_state", row) for letter, row in card.letters.items()}["C"] == "fail"
    assert getattr(card.letters["A"], "verdict", "") == "pass"


def test_where_it_is_enforced_the_call_fails() -> None:
    with pytest.raises(UsageError, match="FOREIGN KEY constraint failed"):
        drill(bank(pays_for_nobody), settings={"foreign_keys": "on"})


def test_a_check_that_was_switched_off() -> None:
    class Shop(DeclarativeBase):
        pass

    class Stock(Shop):
        __tablename__ = "stock"
        __table_args__ = (CheckConstraint("left >= 0"),)
        id: Mapped[int] = mapped_column(primary_key=True)
        left: Mapped[int]

    def operation(session: Session) -> None:
        with session.begin():
            session.add(Stock(id=1, left=-1))

    scenario = bank(operation, metadata=Shop.metadata, setup=None)
    report = drill(scenario, settings={"ignore_check_constraints": "on"})
    assert codes(report) == {"ACI251"}, report


def with_a_check(connection: Connection) -> None:
    on_mariadb = connection.dialect.name in {"mysql", "mariadb"}
    enforced = "" if on_mariadb else " NOT ENFORCED"
    check = f"CONSTRAINT never_negative CHECK (left_over >= 0){enforced}"
    connection.exec_driver_sql(f"CREATE TABLE stock (id INT PRIMARY KEY, left_over INT, {check})")


def takes(session: Session, left_over: int) -> None:
    if session.get_bind().dialect.name != "postgresql":
        session.execute(text("SET check_constraint_checks = 0"))
    session.execute(text("INSERT INTO stock VALUES (1, :n)"), {"n": left_over})
    session.commit()


@pytest.mark.parametrize("left_over", [-1, 0, None])
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
def test_a_check_that_a_server_does_not_enforce(db: str, left_over: int | None) -> None:
    report = drill(bank(takes, left_over, schema=with_a_check, metadata=None, setup=None), db=db)
    assert codes(report) == ({"ACI251"} if left_over == -1 else set()), report
    assert all("never_negative does not hold in 1 row" in found.title for found in report.findings)


@pytest.mark.parametrize("invariant", [total_is_kept, never_negative, payments_add_up])
@pytest.mark.one_in(3)
def test_invariants_that_hold(invariant: Callable[..., Any]) -> None:
    def operation(session: Session) -> None:
        with session.begin():
            move(session)
            session.add(Payment(account_id=ALICE, amount=10))

    assert drill(bank(operation, invariants=[invariant])).verdict == "pass"


@pytest.mark.dear
def test_one_parameter_returning_false() -> None:
    report = drill(bank(two_commits, invariants=[total_is_kept]))
    found = report.findings[0]
    assert (found.code, [each.name for each in found.also]) == ("ACI201", ["total_is_kept"])
    card = check(bank(two_commits, invariants=[total_is_kept]), letters="AC")
    broken = next(found for found in card.letters["C"].findings if found.kind is CauseKind.SEVERAL_COMMITS)
    assert "total_is_kept" in broken.title
    assert "it returned False" in broken.title
    assert broken.schedule.choices
    assert (broken.code, broken.see, [each.name for each in broken.also]) == ("ACI252", ("A.1",), ["torn"])


def test_two_parameters_raising() -> None:
    report = drill(bank(session_begin, invariants=[payments_add_up]))
    (found,) = report.findings
    assert (found.code, found.word, found.schedule.choices) == ("ACI252", "inconsistent", ())
    assert "10 moved, 0 noted, told ok" in found.title


def test_an_invariant_sees_what_was_told_and_answered() -> None:
    seen = set()

    def invariant(session: Session, run: Any) -> None:
        (ending,) = run.ended
        seen.add((ending.told, ending.answer, ending.exception))

    def operation(session: Session) -> str:
        with session.begin():
            move(session)
        return "moved"

    assert drill(bank(operation, invariants=[invariant])).verdict == "pass"
    assert ("ok", "moved", "") in seen
    assert ("failed", None, "OperationalError") in seen
    assert "unknown" in {told for told, _, _ in seen}


def test_the_rows_before_cannot_be_changed_by_an_invariant() -> None:
    def invariant(session: Session, run: Any) -> None:
        run.before.execute(update(Account).values(balance=0))

    report = drill(bank(session_begin, invariants=[invariant]))
    assert codes(report) == {"ACI252"}
    assert "readonly database" in report.findings[0].title


def test_what_an_invariant_writes_is_no_part_of_the_judgement() -> None:
    def invariant(session: Session) -> None:
        session.execute(update(Account).values(balance=0))

    assert drill(bank(session_begin, invariants=[invariant])).verdict == "pass"


def test_without_constraints_and_invariants_it_is_not_stated() -> None:
    def schema(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE t (n)"))

    def operation(connection: Connection) -> None:
        connection.execute(text("SELECT * FROM t"))

    card = check(bank(operation, schema=schema, setup=None), letters="AC")
    assert getattr(card.letters["C"], "letter_state", None) == "not stated"
    assert card.verdict == "pass"


def test_rows_before_that_break_a_constraint_are_a_usage_error() -> None:
    def setup(session: Session) -> None:
        session.add(Account(id=ALICE, owner="Alice", balance=1))
        session.flush()
        session.add(Payment(id=1, account_id=BOB, amount=1))

    with pytest.raises(UsageError, match="the rows before break a declared constraint: foreign key: payments"):
        drill(bank(session_begin, setup=setup))


def test_rows_before_that_break_an_invariant_are_a_usage_error() -> None:
    def impossible(session: Session) -> bool:
        return False

    with pytest.raises(UsageError, match="the rows before break the invariant impossible"):
        drill(bank(session_begin, invariants=[impossible]))


def asked_of_the_database(session: Session) -> Any:
    """An engine without a type for truth answers 0."""
    return session.scalar(text("SELECT SUM(balance) = 100 FROM accounts"))


def without_its_return(session: Session) -> None:
    session.scalar(text("SELECT SUM(balance) = 100 FROM accounts"))


async def awaited(session: Session) -> bool:
    return bool(total_is_kept(session))


@pytest.mark.parametrize("db", ["sqlite", "postgresql", "mariadb"])
def test_what_the_database_answers_is_an_answer(db: str) -> None:
    report = drill(bank(two_commits, invariants=[asked_of_the_database]), db=db, faults=("error-before",))
    assert "asked_of_the_database" in [each.name for each in report.findings[0].also]


@pytest.mark.parametrize(
    ("invariant", "said"),
    [
        (lambda _session: [], r"returned \[\]: an invariant returns True or False"),
        (lambda session: session.scalar(text("SELECT SUM(balance) FROM accounts")), "returned 100"),
        (awaited, "is called by plain code"),
    ],
)
def test_an_answer_that_says_neither_is_refused(invariant: Callable[..., Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        drill(bank(two_commits, invariants=[invariant]))


@pytest.mark.parametrize(("invariant", "count"), [(without_its_return, 1), (never_negative, 0)])
def test_an_invariant_that_says_nothing_is_said(invariant: Callable[..., Any], count: int) -> None:
    card = check(bank(session_begin, invariants=[invariant]), letters="C", faults=("error-before",))
    named = f"the invariant {invariant.__name__} (it returned nothing each time, and has no raise)"
    assert card.letters["C"].not_covered.count(named) == count
