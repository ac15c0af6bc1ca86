"""What a second attack broke: the driver's connection in the program's hands, and AUTOCOMMIT that comes with BEGIN."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import event

from acidity import atomic
from acidity.run import BoundaryError, TransactionEnded
from tests.run.attacked import Undo, add_to, drivers
from tests.run.bank import ALICE, BOB

RESTARTS = {"sqlite": "BEGIN", "postgresql": "BEGIN", "mariadb": "START TRANSACTION"}


def send(session: Any, *statements: str) -> None:
    cursor = session.connection().connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()


def committed(session: Any, begin: str) -> None:
    send(session, "COMMIT", begin)


def rolled_back(session: Any, begin: str) -> None:
    send(session, "ROLLBACK", begin)


def by_the_pool(session: Any, _begin: str) -> None:
    session.connection().connection.commit()


def by_the_dialect(session: Any, _begin: str) -> None:
    session.connection().dialect.do_rollback(session.connection().connection)


def in_a_savepoint(session: Any, begin: str) -> None:
    """The unit's own savepoint is set inside the program's, and goes with it."""
    nested = session.begin_nested()
    handed = session.connection().connection
    nested.commit()
    cursor = handed.cursor()
    cursor.execute("COMMIT")
    cursor.execute(begin)
    cursor.close()


ENDS = [committed, rolled_back, by_the_pool, by_the_dialect, in_a_savepoint]


@pytest.mark.parametrize("leaves", [False, True], ids=["goes on", "raises"])
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
@pytest.mark.parametrize("driver", drivers())
@pytest.mark.one_in(2)
def test_a_transaction_that_another_one_follows_on_the_drivers_connection_is_told(
    bank_of: Any, driver: str, end: Callable[[Any, str], None], leaves: Any
) -> None:
    attacked = bank_of(driver)

    def body(session: Any) -> None:
        add_to(session, ALICE)
        end(session, RESTARTS[attacked.name])
        add_to(session, BOB)
        if leaves:
            raise Undo

    (told,) = attacked.run(body)
    assert isinstance(told, TransactionEnded)
    assert attacked.rows()[1] == 0


@pytest.mark.parametrize("driver", drivers())
def test_honest_work_on_the_drivers_connection_is_part_of_the_unit(bank_of: Any, driver: str) -> None:
    attacked = bank_of(driver)
    more = "UPDATE accounts SET balance = balance + 5 WHERE id = 1"

    def body(session: Any) -> str:
        send(session, more)
        nested = session.begin_nested()
        send(session, more)
        nested.rollback()
        nested = session.begin_nested()
        send(session, "SAVEPOINT mine", more, "RELEASE SAVEPOINT mine")
        nested.commit()
        return "done"

    def inside(session: Any) -> str:
        nested = session.begin_nested()
        send(session, more)
        nested.rollback()
        send(session, more)
        return "done"

    def undone(session: Any) -> None:
        send(session, more)
        raise Undo

    told = attacked.run(body, inside, undone)
    assert told[:2] == ["done", "done"]
    assert isinstance(told[2], Undo)
    assert attacked.rows() == (115, 0)


@pytest.mark.parametrize("driver", drivers("postgresql", "mariadb"))
def test_autocommit_that_comes_with_begin_is_refused(bank_of: Any, driver: str) -> None:
    attacked = bank_of(driver)

    def prepare(engine: Any) -> Any:
        @event.listens_for(getattr(engine, "sync_engine", engine), "begin")
        def begin(connection: Any) -> None:
            connection.dialect.set_isolation_level(connection.connection.dbapi_connection, "AUTOCOMMIT")

        return engine

    attacked.prepare = prepare

    def body(session: Any) -> None:
        add_to(session, ALICE)
        raise Undo

    (told,) = attacked.run(body)
    assert isinstance(told, BoundaryError)
    assert attacked.rows() == (100, 0)


def test_autocommit_that_is_turned_on_between_two_statements_is_told(bank_of: Any) -> None:
    attacked = bank_of("mariadb+pymysql")

    def body(session: Any) -> None:
        add_to(session, ALICE)
        send(session, "SET autocommit = 1", "SELECT 1")
        add_to(session, BOB)
        raise Undo

    (told,) = attacked.run(body)
    assert isinstance(told, TransactionEnded)


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "mariadb+pymysql"])
def test_a_forked_child_is_not_handed_the_drivers_connection(bank_of: Any, driver: str) -> None:
    attacked = bank_of(driver)
    engine = attacked.engine()
    with suppress(Undo), atomic(engine) as session:
        add_to(session, ALICE)
        child = os.fork()
        if child == 0:
            try:
                session.connection().connection.commit()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        raise Undo
    engine.dispose()
    assert attacked.rows() == (100, 0)
