"""Locks that a program takes at the database and that belong to no row: whoever waits for one is seen waiting."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from operator import methodcaller
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation
from tests.quality.callers import Account, at_once, twice

LOCKS = {
    "postgresql": ("SELECT pg_advisory_lock(:key)", "SELECT pg_advisory_unlock(:key)"),
    "mariadb": ("SELECT GET_LOCK(:key, 20)", "SELECT RELEASE_LOCK(:key)"),
}


def in_one_session(db: str, key: str) -> Callable[[Session], None]:
    """Read, compute, write under a lock of the session that has this name; it is let go after the COMMIT."""
    take, leave = (text(sql) for sql in LOCKS[db])

    def withdraw_locked(session: Session) -> None:
        with session.bind.connect() as connection, Session(connection) as inner:  # type: ignore[union-attr]
            connection.execute(take, {"key": key})
            connection.commit()
            account = inner.get_one(Account, 1)
            account.balance -= 10
            inner.commit()
            connection.execute(leave, {"key": key})
            connection.commit()

    return withdraw_locked


def in_a_task(db: str, key: str) -> Callable[[AsyncSession], object]:
    """The same in a coroutine."""
    take, leave = (text(sql) for sql in LOCKS[db])

    async def withdraw_locked(async_session: AsyncSession) -> None:
        connection = await async_session.connection()
        await connection.execute(take, {"key": key})
        account = await async_session.get_one(Account, 1)
        account.balance -= 10
        await async_session.flush()
        await connection.execute(text("COMMIT"))
        await connection.execute(leave, {"key": key})
        await async_session.commit()

    return withdraw_locked


# A lock of MariaDB has its name on the whole server, which tests of other processes use, too.
ONE, OTHER = (f"{os.getpid()}{number}" for number in (1, 2))
WAITS = "ac1:A2.B.A5.B6"  # B asks for the lock that A holds, and gets it when A has let go of it
MEETS = "ac1:A3.B7.A4"  # B goes all the way after A has read


@pytest.mark.parametrize("db", LOCKS)
def test_whoever_waits_for_one_is_seen_waiting(db: str) -> None:
    report = prove.replay_together(twice(in_one_session(db, ONE)), WAITS, db=db)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)


@pytest.mark.dear
@pytest.mark.parametrize("db", LOCKS)
@pytest.mark.one_server
def test_locks_of_different_names_keep_nobody_apart(db: str) -> None:
    scenario = at_once(*(Operation(in_one_session(db, key)) for key in (ONE, OTHER)))
    report = prove.replay_together(scenario, MEETS, db=db)
    assert [finding.anomaly for finding in report.findings] == ["lost update"], str(report)


@pytest.mark.slow
@pytest.mark.parametrize("lock", [in_one_session, in_a_task])
@pytest.mark.parametrize("db", LOCKS)
def test_one_lock_for_all_keeps_them_apart(db: str, lock: Callable[..., object]) -> None:
    report = prove.explore(twice(lock(db, ONE)), db=db)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)


def deferred(dsn: str, wrap: Callable[[sqlite3.Connection], Any] = lambda connection: connection) -> None:
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        on = wrap(connection)
        on.execute("BEGIN")
        ((balance,),) = on.execute("SELECT balance FROM accounts WHERE id = 1").fetchall()
        on.execute("UPDATE accounts SET balance = ? WHERE id = 1", (balance - 10,))
        on.execute("COMMIT")


def deferred_on_a_cursor(dsn: str) -> None:
    deferred(dsn, methodcaller("cursor"))


@pytest.mark.parametrize("function", [deferred, deferred_on_a_cursor])
def test_a_statement_that_failed_keeps_no_closed_connection_alive(function: Callable[[str], None]) -> None:
    """With it the locks of the transaction would stay, and the other caller's COMMIT would be refused."""
    report = prove.explore(twice(function), db="sqlite")
    assert (report.verdict, report.unknowns) == ("pass", ()), report
