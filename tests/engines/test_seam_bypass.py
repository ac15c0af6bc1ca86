"""What does not pass the seam makes the check unknown."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from contextvars import copy_context
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.call import Site
from acidity.core.report import Report
from acidity.engines.own_calls import own_calls
from acidity.engines.sqlite.bypass import Watch, _heard
from tests.engines.bank import ALICE, BOB, Account, balances, bank, calls, line_of, run_once
from tests.engines.clerk import Clerk
from tests.quality.drilled import drill
from tests.tiers import ENGINES, mostly_slow

needs_aiosqlite = pytest.mark.skipif(not find_spec("aiosqlite"), reason="needs aiosqlite")
WRITES = update(Account).values(balance=1)
LOST = ("connection-lost",)


def drilled(function: Callable[..., Any], *arguments: Any, **options: Any) -> Report:
    return drill(bank(function, *arguments, **options))


def write(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(WRITES)  # it writes


WRITE = Site("tests/engines/test_seam_bypass.py", line_of(write, "it writes"))


# Threads (those of an operation: see test_helpers)


def test_a_thread_that_belongs_to_nobody_makes_it_unknown() -> None:
    with Clerk() as clerk:

        def partly_by_a_clerk(engine: Engine) -> None:
            write(engine)
            clerk.do(write, engine)

        report = drilled(partly_by_a_clerk)
    assert report.verdict == "unknown"
    assert "by a thread or task that belongs to no operation" in report.unknowns[0]
    assert report.unknowns[0].startswith("partly_by_a_clerk: ")
    assert f" at {Site(WRITE.file, WRITE.line)} (a thread that serves several runs" in report.unknowns[0]
    assert report.runs == 0


@pytest.mark.dear
@pytest.mark.parametrize("db", ENGINES)
def test_a_thread_with_the_context_of_the_operation_is_its_own(db: str) -> None:
    """As the report proposes it."""
    with Clerk() as clerk:

        def by_a_clerk_with_its_context(engine: Engine) -> None:
            clerk.do(copy_context().run, write, engine)

        card = prove.check(bank(by_a_clerk_with_its_context), db=db, letters="ACI", remedies=False)
    assert card.verdict == "pass", str(card)


@needs_aiosqlite
def test_asyncios_own_thread_helper_keeps_the_operation() -> None:
    async def operation(engine: Engine) -> None:
        await asyncio.to_thread(write, engine)

    report = drilled(operation)
    assert report.verdict == "pass", report
    assert report.classifier == "1 write: needs no transaction"


# Connections past SQLAlchemy, statements past the seam


def raw_connection(engine: Engine) -> None:
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("UPDATE accounts SET balance = 1")
        raw.commit()
    finally:
        raw.close()


def raw_connection_kept(engine: Engine) -> Any:
    raw = engine.raw_connection()
    raw.cursor().execute("UPDATE accounts SET balance = 1")
    raw.commit()
    raw.detach()


def cursor_of_the_driver(connection: Connection) -> None:
    connection.execute(WRITES)
    connection.connection.cursor().execute("UPDATE accounts SET balance = 2")
    connection.commit()


def commit_of_the_driver(connection: Connection) -> None:
    connection.execute(WRITES)
    connection.connection.commit()


def driver_connection(session: Session) -> None:
    session.execute(WRITES)
    session.connection().connection.driver_connection.execute("UPDATE accounts SET balance = 2")  # type: ignore[union-attr]
    session.commit()


def bare_driver(url: str) -> None:
    with closing(sqlite3.connect(str(make_url(url).database))) as connection:
        connection.execute("UPDATE accounts SET balance = 1")
        connection.commit()


def bare_driver_beside_the_seam(session: Session) -> None:
    session.execute(WRITES)
    session.commit()
    bare_driver(str(session.get_bind().engine.url))


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (raw_connection, "a raw driver connection was taken from the pool"),
        (raw_connection_kept, "a raw driver connection was taken from the pool"),
        (cursor_of_the_driver, "a statement was sent on the raw driver connection: UPDATE accounts"),
        (commit_of_the_driver, "a statement was sent on the raw driver connection: COMMIT"),
        (driver_connection, "a statement was sent on the raw driver connection: UPDATE accounts"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_passes_unseen_makes_it_unknown(function: Callable[..., Any], sentence: str) -> None:
    report = drilled(function)
    assert report.verdict == "unknown", report
    assert sentence in report.unknowns[0]


def test_who_asks_how_a_connection_is_set_passes() -> None:
    """It reads no row and takes no lock, so that nothing of it could be struck or come between."""

    def asks(engine: Engine) -> None:
        with engine.begin() as connection:
            driver: Any = connection.connection.driver_connection
            assert driver.execute("PRAGMA foreign_keys -- are they on?").fetchone() == (0,)
            assert driver.execute('PRAGMA "main".busy_timeout;').fetchone() == (5000,)
            connection.execute(WRITES)

    report = drilled(asks)
    assert (report.verdict, report.unknowns) == ("pass", ()), report


@pytest.mark.parametrize(
    "statement",
    ["PRAGMA foreign_keys = ON", "PRAGMA query_only(0)", "PRAGMA user_version", "PRAGMA data_version", "SELECT 1"],
)
def test_anything_else_on_a_raw_connection_makes_it_unknown(statement: str) -> None:
    """What sets something, and what a caller between could change."""

    def sends(engine: Engine) -> None:
        with engine.begin() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute(statement).fetchall()
            connection.execute(WRITES)

    report = drilled(sends)
    assert f"a statement was sent on the raw driver connection: {statement};" in report.unknowns[0]


async def bare_driver_in_a_coroutine(url: str) -> None:
    import aiosqlite

    async with aiosqlite.connect(str(make_url(url).database)) as connection:
        await connection.execute("UPDATE accounts SET balance = 1")
        await connection.commit()


@pytest.mark.parametrize(
    "function",
    [bare_driver, bare_driver_beside_the_seam, pytest.param(bare_driver_in_a_coroutine, marks=needs_aiosqlite)],
    ids=lambda function: function.__name__,
)
def test_a_bare_driver_is_never_overlooked(function: Callable[..., Any]) -> None:
    """Where its calls pass the seam they are counted and struck like any others; where they do not, nobody knows."""
    report = drilled(function)
    if report.unknowns:
        assert "past SQLAlchemy" in report.unknowns[0]
    else:
        assert "write" in report.classifier
        assert report.runs > 0


@pytest.mark.dear
def test_a_bypass_that_only_a_fault_leads_to_is_noticed() -> None:
    def operation(engine: Engine) -> None:
        try:
            write(engine)
        except Exception:
            raw_connection(engine)
            raise

    report = drilled(operation)
    assert any("a raw driver connection was taken" in reason for reason in report.unknowns)


def test_acidity_itself_and_hooks_of_the_pool_are_no_bypass() -> None:
    def operation(session: Session) -> None:
        with session.begin():
            session.get_one(Account, ALICE).balance -= 1
            session.get_one(Account, BOB).balance += 1

    assert drilled(operation).verdict == "pass"


# Somebody else's database


def test_a_strayed_thread_changes_nothing_for_the_next_run() -> None:
    with Clerk() as clerk:
        assert drilled(lambda engine: clerk.do(write, engine)).verdict == "unknown"
    run = run_once(write)
    assert [str(call.kind) for call in calls(run)] == ["statement", "commit"]
    assert balances(run) == (1, 1)


# A connection that is lost while it is in use


def test_the_connect_hook_of_the_next_connection_is_no_statement_of_the_lost_one(tmp_path: Path) -> None:
    """CPython gives an object the id of one that is no more."""
    lost = object()
    watch = Watch(tmp_path / "bank.db")
    with watch.running(lambda where: pytest.fail(where)) as seen:
        watch.in_use(lost, in_use=True)
        watch.traced(id(lost), "PRAGMA foreign_keys = ON")
        assert len(seen) == 1
        with own_calls():
            _heard("sqlite3.connect/handle", (lost,))  # the next one, with its id
        watch.traced(id(lost), "PRAGMA foreign_keys = ON")
    assert len(seen) == 1


def marks(engine: Engine) -> None:
    """Who reads ``info`` of a Connection that has lost its own has it connect again."""
    with engine.connect() as connection:
        connection.info["marked"] = True
        try:
            with connection.begin():
                connection.execute(WRITES)
        finally:
            connection.info.pop("marked", None)


def writes_behind_the_lost_one(engine: Engine) -> None:
    with engine.connect() as connection:
        try:
            with connection.begin():
                connection.execute(WRITES)
        finally:
            if connection.invalidated:
                connection.connection.cursor().execute("UPDATE accounts SET balance = 2")


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
def test_a_connection_that_connects_again_is_no_raw_one(db: str) -> None:
    report = prove.drill(bank(marks), db=db, faults=LOST, remedies=False)
    assert (report.verdict, report.unknowns) == ("pass", ()), report
    assert report.runs > 1


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
def test_a_statement_behind_one_that_connected_again_is_noticed(db: str) -> None:
    report = prove.drill(bank(writes_behind_the_lost_one), db=db, faults=LOST, remedies=False)
    assert any("raw driver connection" in reason for reason in report.unknowns), report
