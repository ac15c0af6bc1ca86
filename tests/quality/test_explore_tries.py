"""Callers that are refused, and try again until they are served: they let others go on, or no run would ever end."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Scenario

FOR_EVER = 1_000_000


class Base(DeclarativeBase):
    """Declarative base of one table."""


class Account(Base):
    """One, with 100."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


def seed(session: Session) -> None:
    session.execute(insert(Account).values(id=1, balance=100))


def locks(connection: Any, text: str, *, times: int, pause: float = 0.0) -> bool:
    """Whether the lock was there in one of so many attempts."""
    for _ in range(times):
        try:
            connection.cursor().execute(text)
        except (sqlite3.OperationalError, psycopg.errors.LockNotAvailable, pymysql.err.OperationalError):
            connection.rollback()
            time.sleep(pause)
        else:
            return True
    return False


def adds(connection: Any) -> None:
    connection.cursor().execute("UPDATE accounts SET balance = balance + 10 WHERE id = 1")
    connection.commit()


def on_sqlite(dsn: Any, times: int, pause: float = 0.0) -> str:
    with contextlib.closing(sqlite3.connect(dsn, isolation_level=None, timeout=0)) as connection:
        if locks(connection, "BEGIN IMMEDIATE", times=times, pause=pause):
            adds(connection)
    return "ok"


def on_postgresql(dsn: Any, times: int) -> str:
    with psycopg.connect(dsn) as connection:
        if locks(connection, "SELECT id FROM accounts WHERE id = 1 FOR UPDATE NOWAIT", times=times):
            adds(connection)
    return "ok"


def on_mariadb(dsn: Any, times: int) -> str:
    with pymysql.connect(**dsn) as connection:
        if locks(connection, "SELECT id FROM accounts WHERE id = 1 FOR UPDATE NOWAIT", times=times):
            adds(connection)
    return "ok"


EVERY = [(on_sqlite, "sqlite"), (on_postgresql, "postgresql"), (on_mariadb, "mariadb")]


def explored(function: Callable[..., Any], db: str, *arguments: Any) -> Report:
    report = prove.explore(Scenario(Operation(function, *arguments), metadata=Base.metadata, setup=seed), db=db)
    assert isinstance(report, Report)
    return report


@pytest.mark.parametrize(
    ("function", "db"), [pytest.param(*each, marks=pytest.mark.slow if "postgresql" in each else ()) for each in EVERY]
)
def test_who_tries_until_he_is_served_passes(function: Callable[..., Any], db: str) -> None:
    report = explored(function, db, FOR_EVER)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
    assert any(note.startswith("who is refused 4 times in a row lets others go on") for note in report.notes)


@pytest.mark.parametrize(("function", "db"), EVERY)
def test_who_gives_up_after_some_attempts_has_lost_an_update(function: Callable[..., Any], db: str) -> None:
    report = explored(function, db, 3)
    assert (report.verdict, report.unknowns) == ("fail", ()), str(report)
    assert "10 is gone from accounts id=1" in report.findings[0].title


def test_so_it_is_for_one_that_sleeps_in_between() -> None:
    report = explored(on_sqlite, "sqlite", FOR_EVER, 0.001)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
