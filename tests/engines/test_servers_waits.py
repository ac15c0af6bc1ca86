"""Who waits for whom is a fact asked of the engine, over a connection of its own, while two others hold and wait."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from acidity.engines import new_sandbox
from acidity.engines.base import Sandbox
from acidity.engines.facts import UNNAMED
from acidity.engines.hosted import HostedSandbox

BOUND_S = 10
SERVERS = ("postgresql", "mariadb")


@pytest.fixture
def made() -> Iterator[Callable[[str], Any]]:
    """``made(db)`` -> a Sandbox with two rows."""
    with ExitStack() as stack:

        def make(db: str) -> Sandbox:
            sandbox = new_sandbox(db, {})
            stack.callback(sandbox.close)
            sandbox.create(_two_rows, None)
            return sandbox

        yield make


def _two_rows(engine: Any) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1, 0), (2, 0)")


def connections(sandbox: Sandbox, stack: ExitStack, number: int) -> list[Any]:
    """Connections of the driver, as a program has them."""
    engine = create_engine(sandbox.url(), poolclass=NullPool)
    found = [stack.enter_context(closing(engine.raw_connection())) for _ in range(number)]
    return [each.driver_connection for each in found]


def until(reached: Callable[[], bool]) -> None:
    """Poll a fact until it holds."""
    deadline = time.monotonic() + BOUND_S
    while not reached():
        assert time.monotonic() < deadline, "it never came about"


def write(connection: Any, row: int) -> None:
    connection.cursor().execute(f"UPDATE t SET n = n + 1 WHERE id = {row}")


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
def test_a_row_lock_names_its_holder(made: Callable[[str], HostedSandbox], db: str) -> None:
    sandbox = made(db)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())
        holder, waiter, idle = connections(sandbox, stack, 3)
        numbers = [sandbox.session_of(each) for each in (holder, waiter, idle)]
        assert None not in numbers
        write(holder, 1)
        write(idle, 2)
        assert [sandbox.waits_for(each) for each in (holder, waiter, idle)] == [frozenset()] * 3
        waiting = pool.submit(write, waiter, 1)
        until(lambda: sandbox.waits_for(waiter) == {numbers[0]})
        assert sandbox.waits(numbers) == {numbers[1]: {numbers[0]}}  # type: ignore[arg-type]
        assert sandbox.waits_for(holder) == sandbox.waits_for(idle) == frozenset()
        holder.rollback()
        waiting.result(BOUND_S)
        assert sandbox.waits_for(waiter) == frozenset()
        assert sandbox.waits(numbers) == {}  # type: ignore[arg-type]
        waiter.close()
        assert sandbox.waits_for(waiter) is None


@pytest.mark.parametrize("db", SERVERS)
def test_nobody_waits_any_more_once_the_lock_is_given(made: Callable[[str], HostedSandbox], db: str) -> None:
    """Not even until the thread that waited has run again."""
    sandbox = made(db)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())
        holder, waiter = connections(sandbox, stack, 2)
        for _ in range(5):
            write(holder, 1)
            waiting = pool.submit(write, waiter, 1)
            until(lambda: bool(sandbox.waits_for(waiter)))
            holder.commit()
            assert sandbox.waits_for(waiter) == frozenset()
            waiting.result(BOUND_S)
            waiter.rollback()


LETS_GO = {
    "postgresql": ("SELECT pg_advisory_lock(71)", "SELECT pg_advisory_unlock(71)", "SELECT pg_backend_pid()"),
    "mariadb": (
        "SELECT GET_LOCK('let go', 60)",
        "SELECT RELEASE_LOCK('let go')",
        "SELECT tid FROM information_schema.processlist WHERE id = CONNECTION_ID()",
    ),
}


@contextmanager
def starved(thread: int) -> Iterator[None]:
    """A thread of a server hardly gets the processor, since another program keeps it busy."""
    core = min(os.sched_getaffinity(thread))
    os.sched_setaffinity(thread, {core})
    os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
    busy = [
        sys.executable,
        "-c",
        f"import os; os.sched_setaffinity(0, {{{core}}}); print(flush=True)\nwhile True: pass",
    ]
    with subprocess.Popen(busy, stdout=subprocess.PIPE) as hog:
        try:
            assert hog.stdout is not None
            hog.stdout.readline()
            yield
        finally:
            hog.kill()


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
def test_nobody_waits_for_a_lock_of_the_program_once_it_is_given(made: Callable[[str], HostedSandbox], db: str) -> None:
    """Not even while the thread that waited cannot run."""
    sandbox = made(db)
    take, leave, who = LETS_GO[db]
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())
        holder, waiter = connections(sandbox, stack, 2)
        cursor = waiter.cursor()
        cursor.execute(who)
        stack.enter_context(starved(int(cursor.fetchone()[0])))
        for _ in range(20):
            holder.cursor().execute(take)
            waiting = pool.submit(cursor.execute, take)
            until(lambda: bool(sandbox.waits_for(waiter)))
            holder.cursor().execute(leave)
            assert sandbox.waits_for(waiter) == frozenset()
            waiting.result(BOUND_S)
            cursor.execute(leave)


LOCKS = {
    "postgresql": ("SELECT pg_advisory_lock(70)", "SELECT pg_advisory_lock(70)"),
    "mariadb": ("SELECT GET_LOCK('user', 60)", "SELECT GET_LOCK('user', 60)"),
}
TABLES = {
    "postgresql": ("LOCK TABLE t IN EXCLUSIVE MODE", "ALTER TABLE t ADD COLUMN more INT"),
    "mariadb": ("SELECT * FROM t FOR UPDATE", "ALTER TABLE t ADD COLUMN more INT"),
}


@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize("locks", [LOCKS, TABLES], ids=["user", "definition"])
def test_other_locks_are_seen_too(
    made: Callable[[str], HostedSandbox], db: str, locks: dict[str, tuple[str, str]]
) -> None:
    sandbox = made(db)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())
        holder, waiter = connections(sandbox, stack, 2)
        first, second = locks[db]
        holder.cursor().execute(first)
        waiting = pool.submit(lambda: waiter.cursor().execute(second))
        named = {sandbox.session_of(holder)} if db == "postgresql" else {UNNAMED}
        until(lambda: sandbox.waits_for(waiter) == named)
        holder.close()
        waiting.result(BOUND_S)
        assert sandbox.waits_for(waiter) == frozenset()


@pytest.mark.parametrize("db", SERVERS)
def test_it_is_asked_by_several_threads_while_the_rows_are_read(made: Callable[[str], HostedSandbox], db: str) -> None:
    sandbox = made(db)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())
        holder, waiter = connections(sandbox, stack, 2)
        write(holder, 1)
        waiting = pool.submit(write, waiter, 1)
        until(lambda: bool(sandbox.waits_for(waiter)))
        together = threading.Barrier(3)

        def ask() -> set[Any]:
            together.wait(BOUND_S)
            return {sandbox.waits_for(waiter) for _ in range(20)}

        asked = [pool.submit(ask) for _ in range(2)]
        together.wait(BOUND_S)
        looks = {sandbox.look().state.fingerprint for _ in range(5)}
        somebody = {frozenset({sandbox.session_of(holder)}), frozenset({UNNAMED})}  # MariaDB names nobody at once
        assert all(each.result(BOUND_S) <= somebody for each in asked)
        assert len(looks) == 1
        holder.rollback()
        waiting.result(BOUND_S)
        waiter.rollback()
    sandbox.settle([])  # who watches is no session of the database: nothing is left to wait for


def test_sqlite_refuses_and_says_of_nobody_that_he_waits(made: Callable[[str], Sandbox]) -> None:
    sandbox = made("sqlite")
    with ExitStack() as stack:
        holder, other = connections(sandbox, stack, 2)
        write(holder, 1)
        with sandbox.impatient(other), pytest.raises(sqlite3.OperationalError, match="locked"):
            write(other, 1)
        assert sandbox.waits_for(other) is None
        assert sandbox.session_of(other) is None
        assert sandbox.waits([1, 2]) == {}
        holder.rollback()
        with suppress(sqlite3.ProgrammingError), sandbox.impatient(other):
            write(other, 1)
        assert sandbox.in_transaction(other)
