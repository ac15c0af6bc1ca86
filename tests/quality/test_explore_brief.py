"""Callers who do not wait for a lock, or not for long: whoever comes to it is refused, and may take that for nothing."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from time import monotonic
from typing import Any

import aiomysql
import aiosqlite
import asyncpg
import psycopg
import pymysql
import pytest
from sqlalchemy import String, create_engine, insert, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.prove import Operation, Scenario


class Base(DeclarativeBase):
    """Declarative base of the tables."""


class Account(Base):
    """One, with 100."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Line(Base):
    """Of a log."""

    __tablename__ = "log_lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(10))


def seed(session: Session) -> None:
    session.execute(insert(Account).values(id=1, balance=100))


UPDATE = "UPDATE accounts SET balance = balance + 10 WHERE id = 1"
REFUSED = (sqlite3.OperationalError, pymysql.err.OperationalError, psycopg.OperationalError)


def raised(connection: Any, *, swallows: bool, begin: str = "") -> str:
    """Ten more, or nothing: who swallows that he was refused says that all went well."""
    cursor = connection.cursor()
    try:
        if begin:
            cursor.execute(begin)
        cursor.execute(UPDATE)
        cursor.execute("INSERT INTO log_lines (text) VALUES ('x')")
        connection.commit()
    except REFUSED:
        connection.rollback()
        if not swallows:
            raise
    return "ok"


def at_once(dsn: Any, *, swallows: bool) -> str:
    with contextlib.closing(sqlite3.connect(dsn, timeout=0)) as connection:
        return raised(connection, swallows=swallows)


def begins_at_once(dsn: Any, *, swallows: bool) -> str:
    with contextlib.closing(sqlite3.connect(dsn, timeout=0, isolation_level=None)) as connection:
        return raised(connection, swallows=swallows, begin="BEGIN IMMEDIATE")


def by_pragma(dsn: Any, *, swallows: bool) -> str:
    with contextlib.closing(sqlite3.connect(dsn)) as connection:
        connection.execute("PRAGMA busy_timeout = 0")
        return raised(connection, swallows=swallows)


def over_an_engine(url: Any, *, swallows: bool) -> str:
    engine = create_engine(url, connect_args={"timeout": 0})
    try:
        with Session(engine) as session:
            try:
                session.execute(text(UPDATE))
                session.commit()
            except OperationalError:
                session.rollback()
                if not swallows:
                    raise
        return "ok"
    finally:
        engine.dispose()


def by_option(dsn: Any, *, swallows: bool) -> str:
    with psycopg.connect(dsn, options="-c lock_timeout=20ms") as connection:
        return raised(connection, swallows=swallows)


def by_statement(dsn: Any, *, swallows: bool) -> str:
    with psycopg.connect(dsn) as connection:
        connection.execute("SET LOCAL lock_timeout = '20ms'")
        return raised(connection, swallows=swallows)


def by_time(dsn: Any, *, swallows: bool) -> str:
    with psycopg.connect(dsn, options="-c statement_timeout=60ms") as connection:
        return raised(connection, swallows=swallows)


def by_command(dsn: Any, *, swallows: bool) -> str:
    connection = pymysql.connect(**dsn, init_command="SET SESSION innodb_lock_wait_timeout = 0")
    with connection:
        return raised(connection, swallows=swallows)


def by_time_on_mariadb(dsn: Any, *, swallows: bool) -> str:
    with pymysql.connect(**dsn, init_command="SET SESSION max_statement_time = 0.06") as connection:
        return raised(connection, swallows=swallows)


async def awaited(connection: Any, *, swallows: bool) -> str:
    try:
        await connection.execute(UPDATE)
        await connection.commit()
    except REFUSED:
        await connection.rollback()
        if not swallows:
            raise
    return "ok"


async def over_aiosqlite(dsn: Any, *, swallows: bool) -> str:
    async with aiosqlite.connect(dsn, timeout=0) as connection:
        return await awaited(connection, swallows=swallows)


async def over_psycopg(dsn: Any, *, swallows: bool) -> str:
    async with await psycopg.AsyncConnection.connect(dsn, options="-c lock_timeout=20ms") as connection:
        return await awaited(connection, swallows=swallows)


async def over_asyncpg(dsn: Any, *, swallows: bool) -> str:
    connection = await asyncpg.connect(dsn, server_settings={"lock_timeout": "20ms"})
    try:
        async with connection.transaction():
            await connection.execute(UPDATE)
    except asyncpg.LockNotAvailableError:
        if not swallows:
            raise
    finally:
        await connection.close()
    return "ok"


async def over_aiomysql(dsn: Any, *, swallows: bool) -> str:
    connection = await aiomysql.connect(**dsn, init_command="SET SESSION innodb_lock_wait_timeout = 0")
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(UPDATE)
            await connection.commit()
    except REFUSED:
        await connection.rollback()
        if not swallows:
            raise
    finally:
        connection.close()
    return "ok"


AWAITED = {
    over_aiosqlite: "sqlite+aiosqlite",
    over_psycopg: "postgresql+psycopg",
    over_asyncpg: "postgresql+asyncpg",
    over_aiomysql: "mariadb+aiomysql",
}
BRIEF = [
    *((each, "sqlite") for each in (at_once, begins_at_once, by_pragma, over_an_engine)),
    *((each, "postgresql") for each in (by_option, by_statement, by_time)),
    *((each, "mariadb") for each in (by_command, by_time_on_mariadb)),
    *(pytest.param(*each, marks=pytest.mark.slow) for each in AWAITED.items()),
]


def scenario(operation: Callable[..., Any], **options: bool) -> Scenario:
    return Scenario(Operation(operation, **options), metadata=Base.metadata, setup=seed)


@pytest.mark.parametrize(("operation", "db"), BRIEF, ids=lambda it: getattr(it, "__name__", it))
def test_who_swallows_it_has_lost_an_update(operation: Callable[..., Any], db: str) -> None:
    report = prove.explore(scenario(operation, swallows=True), db=db)
    assert (report.verdict, report.unknowns) == ("fail", ()), str(report)
    assert "10 is gone from accounts id=1" in report.findings[0].title


@pytest.mark.parametrize(("operation", "db"), BRIEF, ids=lambda it: getattr(it, "__name__", it))
def test_who_passes_it_on_has_not(operation: Callable[..., Any], db: str) -> None:
    report = prove.explore(scenario(operation, swallows=False), db=db)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)


@pytest.mark.slow
@pytest.mark.parametrize("operation", [by_option, by_command, at_once], ids=lambda it: it.__name__)
def test_workers_are_refused_as_well(operation: Callable[..., Any]) -> None:
    db = {by_option: "postgresql", by_command: "mariadb", at_once: "sqlite"}[operation]
    assert prove.explore(scenario(operation, swallows=True), db=db, actors="processes").verdict == "fail"


def patient_by_pragma(dsn: Any) -> str:
    with contextlib.closing(sqlite3.connect(dsn, timeout=0, isolation_level=None)) as connection:
        connection.execute("PRAGMA busy_timeout = 20000")
        return raised(connection, swallows=True, begin="BEGIN IMMEDIATE")


def test_what_a_pragma_sets_last_counts_and_nobody_waits_for_it() -> None:
    began = monotonic()
    report = prove.explore(scenario(patient_by_pragma))
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
    assert monotonic() - began < 20


def patient_too_late(dsn: Any) -> str:
    """It waits for nobody who writes when it begins, and as long as it takes from then on."""
    with contextlib.closing(sqlite3.connect(dsn, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return "ok"
        connection.execute("PRAGMA busy_timeout = 60000")
        connection.execute(UPDATE)
        connection.execute("COMMIT")
    return "ok"


def test_who_is_refused_as_it_begins_is_found_where_it_waits_later() -> None:
    report = prove.explore(scenario(patient_too_late))
    assert (report.verdict, "of each class" in report.bounds[0].note) == ("fail", True), str(report)


def reads_amid(dsn: Any) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{dsn}?cache=shared", uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA read_uncommitted = 1")
        (balance,) = connection.execute("SELECT balance FROM accounts WHERE id = 1").fetchone()
        return int(balance)


def writes_twice(dsn: Any) -> None:
    with contextlib.closing(sqlite3.connect(f"file:{dsn}?cache=shared", uri=True, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(UPDATE)
        connection.execute(UPDATE)
        connection.execute("COMMIT")


def looks(dsn: Any) -> object:
    with contextlib.closing(sqlite3.connect(f"file:{dsn}?cache=shared", uri=True, isolation_level=None)) as connection:
        try:
            return connection.execute("SELECT balance FROM accounts WHERE id = 1").fetchone()[0] > 0
        except sqlite3.OperationalError:
            return "there is none"


def test_in_a_shared_cache_a_table_that_is_written_is_locked() -> None:
    """With caches of their own a reader meets nobody until the COMMIT, so that no such schedule would be run."""
    both = Scenario(Operation(looks), Operation(writes_twice), metadata=Base.metadata, setup=seed)
    report = prove.explore(both)
    assert report.verdict == "fail", str(report)


def test_in_a_shared_cache_what_is_not_committed_is_read() -> None:
    """SQLite has a level below its own, and only there (sqlite.org/sharedcache.html, section 2.2.1)."""
    both = Scenario(Operation(reads_amid), Operation(writes_twice), metadata=Base.metadata, setup=seed)
    report = prove.explore(both)
    assert report.verdict == "fail", str(report)
    assert "ACI312" in {finding.code for finding in report.findings}
