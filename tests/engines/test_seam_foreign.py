"""What points at somebody else's database is refused before anything is opened."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from acidity.core.report import Report
from acidity.errors import ForeignDatabase
from tests.engines.bank import Account, bank, run_once
from tests.quality.drilled import drill

needs_aiosqlite = pytest.mark.skipif(not find_spec("aiosqlite"), reason="needs aiosqlite")
WRITES = update(Account).values(balance=1)


def drilled(function: Callable[..., Any], *arguments: Any, **options: Any) -> Report:
    return drill(bank(function, *arguments, **options))


def raw_connection(engine: Engine) -> None:
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("UPDATE accounts SET balance = 1")
        raw.commit()
    finally:
        raw.close()


def write(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(WRITES)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return tmp_path / "other.db"


def elsewhere(path: Path) -> None:
    write(create_engine(f"sqlite:///{path}"))


def elsewhere_by_a_creator(path: Path) -> None:
    write(create_engine("sqlite://", creator=lambda: sqlite3.connect(path)))


def elsewhere_by_the_driver(path: Path) -> None:
    sqlite3.connect(path).close()


def elsewhere_by_a_uri(path: Path) -> None:
    sqlite3.connect(f"file:{path}?mode=rwc", uri=True).close()


def elsewhere_in_memory(_: Path) -> None:
    write(create_engine("sqlite://"))


async def elsewhere_in_a_coroutine(path: Path) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    async with create_async_engine(f"sqlite+aiosqlite:///{path}").begin() as connection:
        await connection.execute(WRITES)


ELSEWHERE = [
    elsewhere,
    elsewhere_by_a_creator,
    elsewhere_by_the_driver,
    elsewhere_by_a_uri,
    elsewhere_in_memory,
    pytest.param(elsewhere_in_a_coroutine, marks=needs_aiosqlite),
]


@pytest.mark.parametrize("function", ELSEWHERE, ids=lambda function: function.__name__)
def test_another_database_is_refused_before_it_is_opened(function: Callable[..., Any], other: Path) -> None:
    with pytest.raises(ForeignDatabase, match="that acidity did not create"):
        drilled(function, other)
    assert not other.exists()


@pytest.mark.parametrize("function", [elsewhere, elsewhere_by_the_driver], ids=lambda function: function.__name__)
def test_also_when_the_operation_swallows_the_error(function: Callable[..., Any], other: Path) -> None:
    def operation(session: Session) -> None:
        with suppress(Exception):
            function(other)
        session.execute(WRITES)
        session.commit()

    with pytest.raises(ForeignDatabase):
        drilled(operation)
    assert not other.exists()


def test_also_when_only_a_fault_leads_there(other: Path) -> None:
    def operation(engine: Engine) -> None:
        try:
            write(engine)
        except Exception:
            elsewhere(other)

    with pytest.raises(ForeignDatabase):
        drilled(operation)
    assert not other.exists()


def test_also_in_a_thread_that_belongs_to_nobody(other: Path) -> None:
    def operation(session: Session) -> None:
        session.execute(WRITES)
        session.commit()
        thread = threading.Thread(target=lambda: swallowed(elsewhere, other))
        thread.start()
        thread.join()

    with pytest.raises(ForeignDatabase):
        drilled(operation)
    assert not other.exists()


def swallowed(function: Callable[..., Any], *arguments: Any) -> None:
    with suppress(Exception):
        function(*arguments)


def executes_on_an_engine(statement: str) -> Callable[..., Any]:
    def operation(engine: Engine) -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(statement)

    return operation


def executes_on_the_driver(statement: str) -> Callable[..., Any]:
    def operation(dsn: str) -> None:
        with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
            connection.execute(statement)

    return operation


def executes_a_script(statement: str) -> Callable[..., Any]:
    def operation(dsn: str) -> None:
        with closing(sqlite3.connect(dsn)) as connection:
            connection.executescript(f"SELECT 1; {statement}; CREATE TABLE IF NOT EXISTS other.t (id INTEGER)")

    return operation


def awaits(statement: str) -> Callable[..., Any]:
    aiosqlite = pytest.importorskip("aiosqlite")

    async def operation(dsn: str) -> None:
        async with aiosqlite.connect(dsn, isolation_level=None) as connection:
            await connection.execute(statement)

    return operation


def awaits_a_script(statement: str) -> Callable[..., Any]:
    aiosqlite = pytest.importorskip("aiosqlite")

    async def operation(dsn: str) -> None:
        async with aiosqlite.connect(dsn) as connection:
            await connection.executescript(f"SELECT 1; {statement}; CREATE TABLE IF NOT EXISTS other.t (id INTEGER)")

    return operation


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH DATABASE '{}' AS other",
        " /* here */ attach '{}' as other",
        "; -- here\n; ATTACH '{}' AS other",
        "VACUUM INTO '{}'",
        "VACUUM 'main' INTO '{}'",
        "VACUUM \"main\"INTO/**/'{}'",
    ],
)
@pytest.mark.parametrize(
    "way", [executes_on_an_engine, executes_on_the_driver, executes_a_script, awaits, awaits_a_script]
)
@pytest.mark.one_in(2)
def test_a_file_that_a_statement_would_open_is_refused(
    other: Path, statement: str, way: Callable[[str], Callable[..., Any]]
) -> None:
    with pytest.raises(ForeignDatabase):
        run_once(way(statement.format(other)))
    assert not other.exists()


@pytest.mark.parametrize(
    ("module", "url"),
    [
        ("psycopg", "postgresql+psycopg://u:secret@db.example/app"),
        ("pymysql", "mysql+pymysql://u:secret@db.example/app"),
    ],
)
def test_a_server_is_refused_by_name_and_without_its_password(module: str, url: str) -> None:
    pytest.importorskip(module)

    def operation() -> None:
        write(create_engine(url))

    with pytest.raises(ForeignDatabase, match=r"db\.example/app") as refused:
        drilled(operation)
    assert "secret" not in str(refused.value)


def test_the_message_says_what_to_do(other: Path) -> None:
    with pytest.raises(ForeignDatabase, match=r'bind="module:engine"'):
        drilled(elsewhere, other)


def test_other_databases_of_this_process_are_left_in_peace(other: Path) -> None:
    """A test suite has databases of its own, and uses them beside the check; only the check's own code may not."""
    own = create_engine(f"sqlite:///{other}")
    with own.begin() as connection:
        connection.execute(text("CREATE TABLE mine (id INTEGER)"))
    raw = sqlite3.connect(other)
    seen: list[Any] = []

    def progress(*_: Any) -> None:
        with own.connect() as beside:
            seen.append(beside.execute(text("SELECT * FROM mine")).all())
        seen.append(raw.execute("SELECT * FROM mine").fetchall())

    report = drill(bank(write), progress=progress)
    assert report.verdict == "pass", report
    assert seen
    assert not any(seen)
    raw.execute("INSERT INTO mine VALUES (1)")
    raw.close()
    own.dispose()


def with_seven(engine: Engine) -> Engine:
    """An engine on a database of the user's, with a connection in its pool."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE accounts (id INTEGER, owner TEXT, balance INTEGER)"))
        connection.execute(text("INSERT INTO accounts VALUES (1, 'Mine', 7)"))
    return engine


@pytest.mark.parametrize("place", ["file", "memory"])
def test_an_engine_made_before_is_refused_too(other: Path, place: str) -> None:
    """Its pool may hold an open connection already: nothing would be opened, and everything be touched."""
    engine = with_seven(create_engine("sqlite://" if place == "memory" else f"sqlite:///{other}"))
    with pytest.raises(ForeignDatabase):
        drilled(lambda: write(engine))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT balance FROM accounts")).scalar() == 7
    engine.dispose()


def test_a_raw_connection_of_an_engine_made_before_is_refused_too(other: Path) -> None:
    engine = with_seven(create_engine(f"sqlite:///{other}"))
    with pytest.raises(ForeignDatabase):
        drilled(lambda: raw_connection(engine))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT balance FROM accounts")).scalar() == 7
    engine.dispose()
