"""End states beside before and after: ``Operation(also=[predicate])``."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from acidity import prove
from acidity.errors import UsageError
from acidity.prove import Operation
from tests.engines.bank import ALICE, BOB, Account, Payment, bank, move
from tests.run.conftest import ENGINES
from tests.run.drilling import drilled


def moves_or_marks(engine: Engine) -> None:
    """A job: it moves the money and is done, or is marked as failed in a transaction of its own."""
    try:
        with Session(engine) as session, session.begin():
            move(session)
    except Exception:
        with Session(engine) as session, session.begin():
            session.get_one(Payment, 1).note = "failed"
        raise


def tears_and_marks(engine: Engine) -> None:
    """The same, and half of the money is gone."""
    try:
        with Session(engine) as session:
            session.get_one(Account, ALICE).balance -= 10
            session.commit()
            session.get_one(Account, BOB).balance += 10
            session.commit()
    except Exception:
        with Session(engine) as session, session.begin():
            session.get_one(Payment, 1).note = "failed"
        raise


def marked_as_failed(session: Session) -> bool:
    kept = [account.balance for account in session.query(Account).order_by(Account.id)] == [100, 0]
    return kept and session.get_one(Payment, 1).note == "failed"


def only_marked(session: Session, before: Session) -> bool:
    same = all(account.balance == before.get_one(Account, account.id).balance for account in session.query(Account))
    return same and session.get_one(Payment, 1).note == "failed"


@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
def test_a_legal_third_end_state_is_right(db: str) -> None:
    assert {found.word for found in drilled(bank(moves_or_marks), db, "error-before").findings} == {"torn"}
    report = drilled(bank(Operation(moves_or_marks, also=[marked_as_failed])), db, "error-before")
    assert report.verdict == "pass", report
    assert " legal" in report.headline


@pytest.mark.parametrize("also", [marked_as_failed, [only_marked]], ids=["one", "with the rows before"])
def test_a_torn_one_is_not(also: Any) -> None:
    report = drilled(bank(Operation(tears_and_marks, also=also)), "sqlite", "error-before")
    assert {word for found in report.findings for word in found.errors} == {"torn"}
    assert drilled(bank(Operation(moves_or_marks, also=also)), "sqlite", "error-before").verdict == "pass"


def test_a_replay_names_it() -> None:
    run = prove.replay(bank(Operation(moves_or_marks, also=marked_as_failed)), "ac1:A3!error-before")
    assert (run.rows, run.word, run.verdict) == ("legal", "right", "pass")


class NotPaidError(Exception):
    """The operation says no."""


def refuses_and_marks(engine: Engine) -> None:
    """Nothing is moved, and why stays in the rows."""
    with Session(engine) as session, session.begin():
        session.get_one(Payment, 1).note = "failed"
    raise NotPaidError


def moves_and_refuses(engine: Engine) -> None:
    """It says no, and half of the money is gone."""
    with Session(engine) as session, session.begin():
        session.get_one(Account, ALICE).balance -= 10
        session.get_one(Payment, 1).note = "failed"
    raise NotPaidError


def marks_and_says_yes(engine: Engine) -> None:
    """Without a fault it refuses; where the first transaction fails, the caller hears that all is well."""
    try:
        refuses_and_marks(engine)
    except OperationalError:
        refuses_without_a_word(engine)


def refuses_without_a_word(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        session.get_one(Payment, 1).note = "failed"


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
def test_a_refusal_that_leaves_a_record_is_right_where_it_says_so(db: str) -> None:
    said = drilled(bank(Operation(refuses_and_marks, raises=NotPaidError, also=only_marked)), db, "error-before")
    assert said.verdict == "pass", said
    unsaid = drilled(bank(Operation(refuses_and_marks, raises=NotPaidError)), db, "error-before")
    assert {word for found in unsaid.findings for word in found.errors} == {"false failure"}


@pytest.mark.parametrize(
    ("function", "word"), [(moves_and_refuses, "false failure"), (marks_and_says_yes, "not refused")]
)
def test_a_refusal_that_leaves_more_or_says_yes_is_not(function: Any, word: str) -> None:
    report = drilled(bank(Operation(function, raises=NotPaidError, also=only_marked)), "sqlite", "error-before")
    assert {word for found in report.findings for word in found.errors} == {word}, report


def always(_: Session) -> bool:
    return True


def whatever_bob_has(session: Session) -> bool:
    return session.get_one(Account, BOB).balance == 10


def answers_nothing(_: Session) -> None:
    return None


def raises(session: Session) -> bool:
    return session.get_one(Payment, 99).note == "failed"


@pytest.mark.parametrize(
    ("also", "says"),
    [
        (always, "also=always holds of the rows before, too"),
        (whatever_bob_has, "also=whatever_bob_has holds after the clean run, too"),
        (answers_nothing, "also=answers_nothing answered None; it answers True or False"),
        (raises, "also=raises raised NoResultFound: .* it answers False where"),
    ],
)
def test_a_predicate_that_would_allow_everything_or_nothing_is_refused(also: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        drilled(bank(Operation(moves_or_marks, also=also)), "sqlite", "error-before")


@pytest.mark.parametrize("wrong", ["failed", 3, [marked_as_failed, "failed"]])
def test_what_is_no_predicate_is_named(wrong: Any) -> None:
    with pytest.raises(UsageError, match=r"also= takes predicates .*, not "):
        Operation(moves_or_marks, also=wrong)
