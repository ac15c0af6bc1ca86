"""Every Call of plain code passes the seam, with kind, SQL, parameters and the line of user code that made it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, event, insert, select, text, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from acidity.core.call import Call, Kind
from acidity.core.control import kind_of
from acidity.prove.striker import FaultInjector  # noqa: F401  # the seam is used as the drill uses it
from tests.engines.bank import (
    ALICE,
    BOB,
    Account,
    Payment,
    StrikeAt,
    balances,
    calls,
    kinds,
    line_of,
    move,
    run_once,
    says,
    staged,
)


def session_commits(session: Session) -> None:
    session.add(Payment(account_id=ALICE, amount=1))
    session.flush()  # statement
    session.commit()  # commit


def session_rolls_back(session: Session) -> None:
    session.execute(update(Account).values(balance=1))  # statement
    session.rollback()  # rollback


def session_begin(session: Session) -> None:
    with session.begin():  # commit
        session.execute(update(Account).values(balance=1))  # statement


def session_left_alone(session: Session) -> None:
    """Closing a session with an open transaction is the pool's reset, no Call of the user."""
    session.execute(update(Account).values(balance=1))  # statement


def factory(session_factory: sessionmaker[Session]) -> None:
    with session_factory.begin() as session:  # commit
        session.execute(update(Account).values(balance=1))  # statement


def scoped(session_factory: sessionmaker[Session]) -> None:
    shared = scoped_session(session_factory)
    shared.execute(update(Account).values(balance=1))  # statement
    shared.commit()  # commit
    shared.remove()


def core_connection(connection: Connection) -> None:
    connection.execute(update(Account).values(balance=1))  # statement
    connection.commit()  # commit


def core_engine_begin(engine: Engine) -> None:
    with engine.begin() as connection:  # commit
        connection.execute(update(Account).values(balance=1))  # statement


def core_explicit_transaction(engine: Engine) -> None:
    with engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(select(Account.id))  # statement
        transaction.rollback()  # rollback


def savepoints(session: Session) -> None:
    with session.begin():  # commit
        with session.begin_nested():  # savepoint
            session.execute(update(Account).values(balance=1))  # statement
            session.get_nested_transaction().commit()  # release
        nested = session.begin_nested()
        session.execute(select(Account.id))  # savepoint  # statement
        nested.rollback()  # rollback-to


def control_as_text(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("BEGIN")  # begin
        connection.execute(text("/* so */ SAVEPOINT a"))  # savepoint
        connection.execute(text("UPDATE accounts SET balance = 1"))  # statement
        connection.execute(text("ROLLBACK TO a"))  # rollback-to
        connection.execute(text("RELEASE a"))  # release
        connection.execute(text("COMMIT"))  # commit


def many(connection: Connection) -> None:
    connection.execute(insert(Payment), [{"account_id": ALICE, "amount": 1}, {"account_id": BOB, "amount": 2}])  # statement
    connection.commit()  # commit


SEEN: dict[Callable[..., Any], str] = {
    session_commits: "statement commit",
    session_rolls_back: "statement rollback",
    session_begin: "statement commit",
    session_left_alone: "statement",
    factory: "statement commit",
    scoped: "statement commit",
    core_connection: "statement commit",
    core_engine_begin: "statement commit",
    core_explicit_transaction: "statement rollback",
    many: "statement commit",
}


@pytest.mark.parametrize("function", SEEN, ids=lambda function: function.__name__)
def test_calls_and_sites(function: Callable[..., Any]) -> None:
    run = run_once(function)
    assert kinds(run) == SEEN[function].split()
    for number, call in enumerate(calls(run), 1):
        assert (call.actor, call.index, call.connection) == ("A", number, 1)
        assert says(call, __file__, line_of(function, call.kind)), call.site
        assert call.site
        assert call.site.function == function.__name__
    assert not run.leaks
