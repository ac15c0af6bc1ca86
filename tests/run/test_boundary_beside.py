"""What is beside a unit: other sessions and engines, tables without transactions, connections that die, levels."""
# ruff: noqa: PT012 - a unit of work is a block, and what it refuses is in it

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.run import (
    BoundaryError,
    UnitPoisoned,
)
from tests.run.bank import ALICE, Account, balances, move

BROKEN = text("INSERT INTO accounts VALUES (1, 'again', 0)")


class Undo(Exception):
    pass


def test_a_closed_pool_is_given_back(engine: Engine) -> None:
    small = create_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=1)
    for _ in range(3):
        with pytest.raises(Undo), atomic(small):
            raise Undo
        with atomic(small):
            pass
    assert small.pool.checkedout() == 0
    small.dispose()


def test_a_second_session_cannot_write(database: Engine) -> None:
    with pytest.raises(BoundaryError, match="another session or engine writes"), atomic(database) as session:
        session.execute(text("SELECT 1"))
        with Session(database) as other:
            other.execute(text("UPDATE accounts SET balance = 7 WHERE id = 1"))
    assert balances(database) == (100, 0)


def test_a_second_engine_cannot_write(database: Engine, tmp_path: Any) -> None:
    elsewhere = create_engine(f"sqlite:///{tmp_path}/elsewhere.db")
    with elsewhere.begin() as connection:
        connection.execute(text("CREATE TABLE notes (t text)"))
    note = text("INSERT INTO notes VALUES ('tried')")
    with pytest.raises(UnitPoisoned), atomic(database) as session:
        move(session, 10)
        with suppress(BoundaryError), elsewhere.begin() as connection:  # swallowed, it poisons the unit
            connection.execute(note)
    with pytest.raises(BoundaryError, match="another database"), atomic(database) as session:
        move(session, 10)
        with atomic(elsewhere):
            pass
    assert balances(database) == (100, 0)
    with pytest.raises(ZeroDivisionError), atomic(database) as session:
        move(session, 10)
        with atomic(elsewhere, independent=True) as beside:
            beside.execute(note)
        with atomic(elsewhere, read_only=True) as beside:
            assert beside.scalar(text("SELECT count(*) FROM notes")) == 1
        _ = 1 // 0
    assert balances(database) == (100, 0)
    with elsewhere.begin() as connection:  # outside of a unit, nobody is asked
        connection.execute(note)
        assert connection.scalar(text("SELECT count(*) FROM notes")) == 2
    elsewhere.dispose()


def test_an_independent_unit_stays(database: Engine) -> None:
    if database.dialect.name == "sqlite":
        with pytest.raises(BoundaryError, match="one writer"), atomic(database), atomic(database, independent=True):
            pass
        return
    with pytest.raises(ZeroDivisionError), atomic(database) as session:
        session.execute(text("UPDATE accounts SET balance = balance - 1 WHERE id = 1"))
        with atomic(database, independent=True) as beside:
            beside.execute(text("UPDATE accounts SET balance = balance + 5 WHERE id = 2"))
        _ = 1 // 0
    assert balances(database) == (100, 5)


@pytest.mark.parametrize("sandbox", ["mariadb"], indirect=True)
@pytest.mark.parametrize("storage", ["MyISAM", "MEMORY"])
def test_a_table_without_transactions(database: Engine, storage: str) -> None:
    with database.begin() as connection:
        connection.execute(text(f"CREATE OR REPLACE TABLE notes (t varchar(20)) ENGINE={storage}"))
    with pytest.raises(BoundaryError, match=storage), atomic(database) as session:
        move(session, 10)
        session.execute(text("INSERT INTO `notes` VALUES ('left behind')"))
    with database.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM notes")) == 0
        connection.execute(text("DROP TABLE notes"))
    assert balances(database) == (100, 0)


def test_a_rollback_makes_no_noise(database: Engine) -> None:
    """SQLAlchemy warns of a transaction that was ended twice; in a program, that is a line for each failed unit."""

    def broken(session: Session) -> None:
        session.execute(BROKEN)

    def duplicate(session: Session) -> None:
        session.add(Account(id=ALICE, owner="Alice", balance=1))

    def raising(session: Session) -> None:
        raise ZeroDivisionError

    once = atomic(database, idempotency_key="key")(lambda session, key: "done")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert once("a") == once("a") == "done"
        for body in (broken, duplicate, raising):
            with pytest.raises((DBAPIError, ZeroDivisionError)):
                atomic(database)(body)()
    assert not warned
    assert database.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_connection_that_dies_before_it_is_returned(sandbox: Any, database: Engine) -> None:
    """SQLAlchemy sets MariaDB's level back when it is returned; when that fails, it never is, and COMMIT was confirmed."""
    engine = create_engine(database.url, pool_size=1, max_overflow=0, pool_timeout=0.1, pool_reset_on_return=None)

    @atomic(engine, isolation_level="SERIALIZABLE")
    def unit(session: Session) -> dict[str, bool]:
        if engine.dialect.name in {"mysql", "mariadb"}:
            wire = session.connection().connection.dbapi_connection
            event.listen(session, "after_commit", lambda _: sandbox.end(wire))
        return move(session, 10)

    assert unit() == unit() == {"success": True}
    assert balances(database) == (80, 20)
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    engine.dispose()


UNDONE = {
    "sqlite": "PRAGMA read_uncommitted = ON",
    "postgresql": "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "mariadb": "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
}


def test_a_level_that_is_not_in_effect(database: Engine) -> None:
    """A hook of the engine sets another one behind it; the server is asked, and nothing is run."""
    hooked = create_engine(database.url)
    event.listen(hooked, "begin", lambda connection: connection.exec_driver_sql(UNDONE[connection.dialect.name]))
    with pytest.raises(BoundaryError, match="the server says"), atomic(hooked, isolation_level="SERIALIZABLE"):
        pytest.fail("the unit was run at another level")
    hooked.dispose()
    with atomic(database, isolation_level="SERIALIZABLE") as session:
        move(session, 1)
    assert balances(database) == (99, 1)
