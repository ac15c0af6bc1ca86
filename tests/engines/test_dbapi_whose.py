"""Whose connections pass the seam, what makes a check unknown, and where connections may not lead."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine

from acidity.adapters.seam import PassThrough
from acidity.errors import ForeignDatabase
from acidity.prove.stage.stage import Stage
from tests.engines.bank import bank, calls, kinds
from tests.engines.clerk import Clerk
from tests.engines.raw import CREDIT, DEBIT, DRIVERS, Raw, run_raw
from tests.quality.drilled import drill

CLERK = Clerk().__enter__()  # before any run


@pytest.fixture(params=DRIVERS, ids=str)
def raw(request: pytest.FixtureRequest) -> Raw:
    return request.param


def plainly(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection, connection:
        connection.execute(DEBIT)


# What passes by the seam


def by_the_class(dsn: str) -> None:
    sqlite3.Connection(dsn).execute("SELECT 1")


def by_a_plain_cursor(dsn: str) -> None:
    connection = sqlite3.connect(dsn)
    sqlite3.Cursor(connection).execute(DEBIT)


def by_a_clerk(dsn: str) -> None:
    CLERK.do(plainly, dsn)


def by_a_blob(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection, connection:
        connection.execute("UPDATE accounts SET balance = x'00' WHERE id = 1")
        with connection.blobopen("accounts", "balance", 1) as blob:
            blob.write(b"1")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (by_a_blob, "a sqlite3.Blob reads and writes without a statement"),
        (by_the_class, "a driver connection was opened past SQLAlchemy and sqlite3.connect"),
        (by_a_plain_cursor, "a statement was sent on the raw driver connection"),
        (by_a_clerk, "statement by a thread or task that belongs to no operation"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bypass_makes_it_unknown(function: Callable[[str], None], words: str) -> None:
    report = drill(bank(function))
    assert report.verdict == "unknown"
    assert words in report.unknowns[0]


SERVED = ["postgresql", "mariadb", "mariadb+mysqldb"]


@pytest.mark.parametrize("db", SERVED)
def test_a_statement_on_the_driver_connection_of_sqlalchemy_is_a_bypass(db: str) -> None:
    def operation(connection: Connection) -> None:
        connection.execute(text(DEBIT))
        connection.connection.cursor().execute(CREDIT)
        connection.commit()

    run = run_raw(operation, db)
    assert run.bypasses == ("a statement was sent on the raw driver connection of SQLAlchemy",)


@pytest.mark.parametrize("db", [*SERVED, "sqlite", "postgresql+psycopg2"])
def test_sqlalchemys_own_connections_are_not_counted_twice(db: str) -> None:
    def operation(engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text(DEBIT))

    with Stage(bank(operation), db, {}) as stage:
        runs = [stage.run(stage.scenario.operations[0], PassThrough()) for _ in range(2)]
    assert [kinds(run) for run in runs] == [["statement", "commit"]] * 2


def test_both_ways_in_one_operation() -> None:
    def operation(engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text(DEBIT))
        with closing(sqlite3.connect(str(engine.url.database))) as raw, raw:
            raw.execute(CREDIT)

    run = run_raw(operation, "sqlite")
    assert kinds(run) == ["statement", "commit"] * 2
    assert [call.connection for call in calls(run)] == [1, 1, 2, 2]


# Somebody else's database


def elsewhere(module: str, path: Path) -> Any:
    """What the driver's connect would take for a database that is not ours."""
    if "sqlite" in module:
        return str(path)
    if module in {"psycopg", "psycopg2", "asyncpg"}:
        return "postgresql://u:secret@127.0.0.1:1/app"
    return {"host": "127.0.0.1", "port": 1, "user": "u", "password": "secret"}


@pytest.mark.one_server
@pytest.mark.parametrize("db", ["sqlite", "postgresql"])
@pytest.mark.one_in(2)
def test_it_is_refused_before_it_connects(raw: Raw, db: str, tmp_path: Path) -> None:
    where = elsewhere(raw.module, tmp_path / "other.db")

    def operation() -> None:
        raw.right(where)

    async def operation_async() -> None:
        await raw.right(where)

    function = operation_async if str(raw).startswith("aio") or "async" in str(raw) else operation
    with pytest.raises(ForeignDatabase, match="a driver connection inside the operation points at") as refused:
        run_raw(function, db)
    assert "secret" not in str(refused.value)
    assert not (tmp_path / "other.db").exists()


@pytest.mark.dear
def test_a_connection_that_was_opened_before_is_refused() -> None:
    psycopg = pytest.importorskip("psycopg")
    with Stage(bank(plainly), "postgresql", {}) as stage:
        where = stage.sandbox.dsn()
        with closing(psycopg.connect(where)) as mine:

            def operation() -> None:
                with suppress(Exception):
                    mine.execute(DEBIT)

            with pytest.raises(ForeignDatabase, match="psycopg connection that was opened before it"):
                run_raw(operation, "sqlite")
            assert mine.execute("SELECT balance FROM accounts WHERE id = 1").fetchone() == (100,)


def test_other_threads_keep_their_connections() -> None:
    psycopg = pytest.importorskip("psycopg")
    with Stage(bank(plainly), "postgresql", {}) as stage, closing(psycopg.connect(stage.sandbox.dsn())) as theirs:
        seen: list[Any] = []

        def operation(dsn: str) -> None:
            plainly(dsn)
            CLERK.do(lambda: seen.append(theirs.execute("SELECT 1").fetchone()))

        run = run_raw(operation, "sqlite")
    assert (seen, run.bypasses) == ([(1,)], ())
