"""A clean run that fails: the message has its line, and advises only what fits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from acidity import prove
from acidity.errors import ForeignDatabase, UsageError
from acidity.prove import Operation, Scenario
from tests.engines.bank import ALICE, Account, Payment, bank

HERE = Path(__file__).name
LINES = Path(__file__).read_text(encoding="utf-8").splitlines()


class Refused(Exception):
    """The user's own."""


def refuses(session: Session) -> None:
    raise Refused("not today")


def breaks_a_constraint(session: Session) -> None:
    with session.begin():
        session.add(Account(id=ALICE, owner="again", balance=1))


def misspells(session: Session) -> None:
    session.get_one(Account, ALICE).balance_of()


def waits_for_itself(engine: Engine) -> None:
    """Two sessions for one change, on an engine that has one writer."""
    with Session(engine) as one, Session(engine) as two:
        one.get_one(Account, ALICE).balance -= 10
        one.flush()
        two.execute(text("PRAGMA busy_timeout = 0"))
        two.execute(text("UPDATE accounts SET balance = balance + 10 WHERE id = 2"))


def asks_for_a_table_that_is_not_there(session: Session) -> None:
    session.execute(text("SELECT * FROM nobody_made_it"))


def takes_two(session: Session, amount: int) -> None: ...


def needs_a_package(session: Session) -> None:
    import no_such_package_at_all  # noqa: F401


def anything(*args: Any) -> None:
    args[0].execute(text("SELECT 1"))


def with_its_own(function: Callable[..., Any]) -> Callable[..., Any]:
    """Brings a session to a function that still says it wants one."""

    def wrapper(*args: Any) -> Any:
        return function(None, *args)

    wrapper.__wrapped__ = function  # type: ignore[attr-defined]
    return wrapper


def answers(session: Session) -> str:
    session.get_one(Account, ALICE)
    return "sold out"


def binds_what_sqlite_does_not_take(session: Session) -> None:
    session.get_one(Account, ALICE).balance = Decimal("10.5")  # type: ignore[assignment]
    session.flush()


def raises_in_the_database(session: Session) -> None:
    session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'not today'; END $$"))


def uses_psycopg(dsn: str) -> None:
    psycopg.connect(dsn).close()


def uses_sqlite3(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.execute("SELECT 1")


def pays(session: Session) -> None:
    """Its key is made by a sequence; the rows before have the key 1."""
    with session.begin():
        session.add(Payment(account_id=ALICE, amount=5))


def asks_for_the_key(session: Session) -> None:
    with session.begin():
        key = session.scalar(text("SELECT nextval('payments_id_seq')"))
        session.add(Payment(id=key, account_id=ALICE, amount=5))


def clean(operation: Operation, db: str = "sqlite") -> str:
    with pytest.raises(UsageError) as said:
        prove.drill(bank(operation), db=db, faults=["error-before"], remedies=False)
    return str(said.value)


@pytest.mark.parametrize(
    ("operation", "source", "advice"),
    [
        (Operation(refuses), "raise Refused(", "say raises=Refused if this is an expected refusal"),
        (
            Operation(breaks_a_constraint),
            "with session.begin()",
            "say raises=IntegrityError if this is an expected refusal",
        ),
        (Operation(misspells), "balance_of()", "mend that first"),
        (Operation(binds_what_sqlite_does_not_take), "session.flush()", "mend that first"),
        (Operation(asks_for_a_table_that_is_not_there), "nobody_made_it", "metadata= or schema= makes its tables"),
        (
            Operation(waits_for_itself),
            "balance + 10",
            "another session or connection that it has opened holds that lock",
        ),
        (Operation(needs_a_package), "import no_such", "mend that first"),
        (Operation(anything), "args[0]", "its parameters are *args, so nothing was injected: say inject="),
        (
            Operation(with_its_own(takes_two), 5),
            "return function(None",
            "session was injected into what wraps it: say inject=None if that brings its own",
        ),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_line_and_what_fits(operation: Operation, source: str, advice: str) -> None:
    message = clean(operation)
    line = next(number for number, text in enumerate(LINES, start=1) if source in text)
    assert f"the clean run failed at tests/quality/{HERE}:{line}, so there is nothing to compare with" in message
    assert advice in message
    assert ("raises=" in message) == advice.startswith("say raises=")


def test_an_answer_is_no_exception() -> None:
    operation = Operation(answers, succeeded=lambda answer: answer == "booked")
    message = clean(operation)
    assert "it answered 'sold out'" in message
    assert message.endswith("say refused=True if this is an expected refusal")


def test_what_is_advised_works() -> None:
    for operation in (Operation(refuses, raises=Refused), Operation(breaks_a_constraint, raises=IntegrityError)):
        scenario: Scenario = bank(operation)
        assert prove.drill(scenario, faults=["error-before"], remedies=False).verdict == "pass"


@pytest.mark.dear
def test_a_sequence_that_makes_a_key_of_the_setup_again() -> None:
    message = clean(Operation(pays), "postgresql")
    assert "the database makes id from a sequence, and it was there; rows that setup= writes with id do not" in message
    assert "raises=" not in message
    assert "INSERT INTO" not in message
    unsure = clean(Operation(asks_for_the_key), "postgresql")
    assert unsure.index("do not move the sequence") < unsure.index("; say raises=IntegrityError")
    given = clean(Operation(breaks_a_constraint), "postgresql")
    assert given.endswith("say raises=IntegrityError if this is an expected refusal")
    assert "sequence" not in given


def test_a_driver_of_another_engine_is_named() -> None:
    message = clean(Operation(uses_psycopg))
    assert message.endswith("the operation uses psycopg, and the check runs on sqlite: say --db postgresql")
    with pytest.raises(UsageError, match=r"there at \S+: ProgrammingError: .*; the operation uses psycopg, and the"):
        prove.explore(bank(Operation(uses_psycopg)))


@pytest.mark.dear
def test_what_is_given_for_one_engine_fits_no_driver_of_another_one() -> None:
    with pytest.raises(
        ForeignDatabase, match=r"^the operation uses sqlite3, and the check runs on postgresql: say --db s"
    ):
        prove.drill(bank(Operation(uses_sqlite3)), db="postgresql", faults=["error-before"], remedies=False)


@pytest.mark.dear
def test_what_the_database_raises_may_be_a_refusal() -> None:
    message = clean(Operation(raises_in_the_database), "postgresql")
    assert message.endswith(" if this is an expected refusal")
