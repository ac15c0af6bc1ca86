"""What outlives a transaction on a pooled connection is *leaked*: a lock, a temporary table, an attached database."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from acidity.core.report import Report
from tests.engines.bank import ALICE, BOB, Account, bank, run_once
from tests.run.drilling import drilled

TABLE = {
    "sqlite": "CREATE TEMP TABLE scratch (id int)",
    "postgresql": "CREATE TEMPORARY TABLE scratch (id int)",
    "mariadb": "CREATE OR REPLACE TEMPORARY TABLE `scratch` (id int)",
}
DROP = {"mariadb": "DROP TEMPORARY TABLE scratch"}  # without the word it commits, there
LOCK = {
    "postgresql": ("SELECT pg_advisory_lock(7), pg_advisory_lock(-1, 2)", "SELECT pg_advisory_unlock_all()"),
    "mariadb": ("SELECT GET_LOCK('till', 5)", "SELECT RELEASE_LOCK('till')"),
}


def pay(connection: Connection) -> None:
    """The right part: all of it or nothing."""
    connection.execute(update(Account).where(Account.id == ALICE).values(balance=90))
    connection.execute(update(Account).where(Account.id == BOB).values(balance=10))
    connection.commit()


def forgets_its_table(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(TABLE[engine.dialect.name])
        pay(connection)


def drops_its_table(engine: Engine) -> None:
    """A connection that could not be tidied up does not go back to the pool."""
    with engine.connect() as connection:
        try:
            connection.exec_driver_sql(TABLE[engine.dialect.name])
            pay(connection)
            connection.exec_driver_sql(DROP.get(engine.dialect.name, "DROP TABLE scratch"))
            connection.commit()
        except BaseException:
            connection.invalidate()
            raise


def drops_it_at_commit(engine: Engine) -> None:
    """PostgreSQL's own way: the table ends with the transaction, whatever becomes of it."""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"{TABLE['postgresql']} ON COMMIT DROP")
        pay(connection)


def without_a_pool(engine: Engine) -> None:
    """The table ends with its connection."""
    own = create_engine(engine.url, poolclass=NullPool)
    with own.connect() as connection:
        connection.exec_driver_sql(TABLE[engine.dialect.name])
        pay(connection)


def forgets_its_lock(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(LOCK[engine.dialect.name][0]).all()
        pay(connection)


def gives_its_lock_back(engine: Engine) -> None:
    with engine.connect() as connection:
        take, give_back = LOCK[engine.dialect.name]
        try:
            connection.exec_driver_sql(take).all()
            pay(connection)
            connection.exec_driver_sql(give_back).all()
            connection.commit()
        except BaseException:
            connection.invalidate()
            raise


def locks_its_transaction(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7)").all()
        pay(connection)


def locks_by_a_parameter(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT GET_LOCK(:name, 5)"), {"name": "till of Bob"}).all()
        pay(connection)


def forgets_what_it_attached(engine: Engine) -> None:
    with engine.connect() as connection:
        pay(connection)
        connection.exec_driver_sql("ATTACH ':memory:' AS side")


def detaches_it(engine: Engine) -> None:
    with engine.connect() as connection:
        pay(connection)
        connection.exec_driver_sql("ATTACH ':memory:' AS side")
        connection.invalidate()


async def forgets_its_table_in_a_task(async_engine: AsyncEngine) -> None:
    async with async_engine.connect() as connection:
        await connection.exec_driver_sql(TABLE[async_engine.dialect.name])
        await connection.run_sync(pay)


def leaks(report: Report) -> list[str]:
    return [found.title for found in report.findings if found.word == "leaked"]


WRONG = [
    ("sqlite", forgets_its_table, "temporary table scratch still there"),
    ("sqlite", forgets_its_table_in_a_task, "temporary table scratch still there"),
    ("postgresql", forgets_its_table, "temporary table scratch still there"),
    ("postgresql", forgets_its_lock, "advisory locks (-1, 2) and 7 still held"),
    ("mariadb", forgets_its_table, "temporary table scratch still there"),
    ("mariadb", forgets_its_lock, "advisory lock till still held"),
    ("mariadb", locks_by_a_parameter, "advisory lock till of Bob still held"),
]
RIGHT = [
    ("sqlite", drops_its_table),
    ("sqlite", without_a_pool),
    ("postgresql", drops_its_table),
    ("postgresql", drops_it_at_commit),
    ("postgresql", without_a_pool),
    ("postgresql", gives_its_lock_back),
    ("postgresql", locks_its_transaction),
    ("mariadb", drops_its_table),
    ("mariadb", gives_its_lock_back),
]


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize(("db", "function", "said"), WRONG)
@pytest.mark.one_in(2)
def test_what_stays_on_a_pooled_connection_is_leaked(db: str, function: Callable[..., Any], said: str) -> None:
    report = drilled(bank(function), db, "error-before")
    assert report.verdict == "pass", report  # the rows are right: a warning
    assert any(said in title and "next user of that connection" in title for title in leaks(report)), report
    (leak,) = (found for found in report.findings if found.word == "leaked")
    found = re.search(r"taken at .*:(\d+) outlives the transaction, and nobody gave it back", leak.cause)
    assert found is not None, leak.cause
    line = linecache.getline(__file__, int(found[1]))
    assert any(taken in line for taken in ("TABLE[", "GET_LOCK", ".exec_driver_sql(LOCK[")), line


@pytest.mark.dear
@pytest.mark.one_in(5)
@pytest.mark.one_engine
@pytest.mark.parametrize(("db", "function"), RIGHT)
def test_what_is_taken_away_is_not(db: str, function: Callable[..., Any]) -> None:
    report = drilled(bank(function), db, "error-before", "connection-lost")
    assert report.verdict == "pass", report
    assert not leaks(report), report


def test_an_attached_database_is_met_by_the_stranger() -> None:
    """What is in it cannot be compared, so the check is unknown; the run says what stayed all the same."""
    (leak,) = run_once(forgets_what_it_attached).leaks
    assert "attached database side still there" in leak
    assert not run_once(detaches_it).leaks


def pays_on_a_furnished_engine(engine: Engine) -> None:
    """Each connection of this pool has the same temporary table from the start."""
    own = create_engine(engine.url)

    @event.listens_for(own, "connect")
    def furnish(dbapi_connection: Any, _record: Any) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute(TABLE[engine.dialect.name])
        cursor.close()
        dbapi_connection.commit()

    with own.connect() as connection:
        pay(connection)
    KEPT.append(own)


KEPT: list[Engine] = []


@pytest.mark.parametrize("db", ["sqlite", "postgresql"])
@pytest.mark.one_in(3)
def test_what_the_program_gives_to_every_connection_is_no_leak(db: str) -> None:
    report = drilled(bank(pays_on_a_furnished_engine), db, "error-before")
    assert report.verdict == "pass", report
    assert not leaks(report), report


def through_a_function(engine: Engine) -> None:
    """No text of the program says what is taken; the server is asked, and knows."""
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT guard()").all()
        pay(connection)


GUARD = {
    "postgresql": "CREATE FUNCTION guard() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(9)'",
    "mariadb": "CREATE FUNCTION guard() RETURNS int RETURN GET_LOCK('hidden', 5)",
}


@pytest.mark.dear
@pytest.mark.parametrize(("db", "said"), [("postgresql", "advisory lock 9"), ("mariadb", "an advisory lock")])
def test_a_lock_that_no_text_names_is_seen(db: str, said: str) -> None:
    def tables(connection: Connection) -> None:
        Account.metadata.create_all(connection)
        connection.exec_driver_sql(GUARD[db])

    report = drilled(bank(through_a_function, schema=tables), db, "error-before")
    assert any(f"{said} still held" in title for title in leaks(report)), report
