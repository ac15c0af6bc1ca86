"""A caller that sleeps is not waited for: explore costs no real seconds, and says the same of the program.

Sleeps of a hundred seconds stand for the back-off of a program; a run that really slept would take longer than a run may.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from time import monotonic as bound_monotonic
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.adapters.seam import Actor, PassThrough, acting
from acidity.core.report import Report
from acidity.errors import UsageError
from acidity.prove import Operation
from acidity.prove.stage import naps
from tests.quality.callers import at_once

LONG_S = 100.0
READ = text("SELECT balance FROM accounts WHERE id = 1")
GUARDED = text("UPDATE accounts SET balance = :new WHERE id = 1 AND balance = :old")
WRITE = text("UPDATE accounts SET balance = :new WHERE id = 1")
NOW = {"sqlite": "SELECT strftime('%s', 'now')", "postgresql": "SELECT clock_timestamp()", "mariadb": "SELECT NOW(6)"}


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = {name: getattr(time, name) for name in ("sleep", "time", "monotonic", "perf_counter", "time_ns")}
    yield
    assert {name: getattr(time, name) for name in before} == before
    assert (asyncio.sleep.__module__, threading.Thread.start.__module__) == ("asyncio.tasks", "threading")
    assert (naps.skipped_s(), sys.getprofile()) == (0.0, None)


def with_backoff(session: Session, seconds: float = LONG_S) -> None:
    """What another one has changed meanwhile is read again, after a while."""
    while True:
        old = session.execute(READ).scalar_one()
        if session.execute(GUARDED, {"old": old, "new": old - 10}).rowcount == 1:  # type: ignore[attr-defined]
            return session.commit()
        session.rollback()
        time.sleep(seconds)


def sleeps_between(session: Session) -> None:
    """A lost update whose window is long."""
    old = session.execute(READ).scalar_one()
    time.sleep(LONG_S)
    session.execute(WRITE, {"new": old - 10})
    session.commit()


async def with_backoff_async(async_session: AsyncSession) -> None:
    while True:
        old = (await async_session.execute(READ)).scalar_one()
        written = await async_session.execute(GUARDED, {"old": old, "new": old - 10})
        if written.rowcount == 1:  # type: ignore[attr-defined]
            return await async_session.commit()
        await async_session.rollback()
        await asyncio.sleep(LONG_S)


async def sleeps_between_async(async_session: AsyncSession) -> None:
    old = (await async_session.execute(READ)).scalar_one()
    await asyncio.sleep(LONG_S)
    await async_session.execute(WRITE, {"new": old - 10})
    await async_session.commit()


def explored(operation: object, db: str = "sqlite", **options: object) -> Report:
    """No second of its sleeps has passed."""
    report = prove.explore(at_once(operation, operation), db=db, **options)  # type: ignore[arg-type]
    assert report.elapsed_s < LONG_S / 2
    assert report.unknowns == (), str(report)
    return report


@pytest.mark.dear
@pytest.mark.parametrize(
    ("operation", "verdict"),
    [
        (with_backoff, "pass"),
        pytest.param(with_backoff_async, "pass", marks=pytest.mark.slow),
        pytest.param(sleeps_between, "fail", marks=pytest.mark.slow),
        (sleeps_between_async, "fail"),
    ],
)
@pytest.mark.parametrize(
    "db", ["sqlite", *(pytest.param(db, marks=pytest.mark.slow) for db in ("postgresql", "mariadb"))]
)
def test_a_back_off_takes_no_time(operation: object, verdict: str, db: str) -> None:
    level = None if db == "sqlite" else "READ COMMITTED"
    report = explored(operation, db, isolation_level=level)
    assert report.verdict == verdict, str(report)
    assert not [note for note in report.notes if "slept" in note]


class Gave(Exception):
    """Up."""


def gives_up(session: Session) -> int:
    """Wait until somebody has paid, but not for ever: the clock goes on with the sleeps."""
    deadline, looks = time.monotonic() + 2.5 * LONG_S, 0
    while time.monotonic() < deadline:
        looks += 1
        session.execute(READ)
        session.rollback()
        time.sleep(LONG_S)
    return looks


async def gives_up_async(async_session: AsyncSession) -> int:
    looks = 0
    try:
        async with asyncio.timeout(2.5 * LONG_S):
            while True:
                looks += 1
                await async_session.execute(READ)
                await async_session.rollback()
                await asyncio.sleep(LONG_S)
    except TimeoutError:
        return looks


@pytest.mark.parametrize("operation", [gives_up, pytest.param(gives_up_async, marks=pytest.mark.slow)])
def test_time_runs_out_after_as_many_sleeps(operation: object) -> None:
    report = prove.explore(at_once(Operation(operation, succeeded=lambda looks: looks == 3)), db="sqlite", runs_max=1)
    assert report.elapsed_s < LONG_S / 2
    assert not report.findings, str(report)


def collects(session: Session) -> None:
    read(session)
    gc.collect()


def counts_time(phase: str, _: object) -> None:
    bound_monotonic()


def test_who_is_called_at_each_collection_tells_the_caller_nothing() -> None:
    gc.callbacks.append(counts_time)
    try:
        report = prove.explore(at_once(Operation(collects)), db="sqlite", runs_max=1)
    finally:
        gc.callbacks.remove(counts_time)
    assert not [note for note in report.notes if "slept" in note], str(report)


@pytest.mark.parametrize(("package", "tells"), [("psycopg.waiting", False), ("app.payments", True)])
def test_a_driver_that_limits_its_own_waits_tells_the_caller_nothing(package: str, tells: bool) -> None:  # noqa: FBT001
    module: dict[str, Any] = {"__name__": package, "monotonic": bound_monotonic}
    exec("def waits(): monotonic()", module)
    with naps.skipping() as clock, acting(Actor("A", PassThrough())):
        time.sleep(LONG_S)
        module["waits"]()
    assert clock.doubt == ("time.monotonic in app.payments" if tells else "")


def connects_again(dsn: str) -> None:
    for _ in range(2):
        with closing(psycopg.connect(dsn)) as connection:
            connection.execute("SELECT 1")
        time.sleep(SHORT_S)


@pytest.mark.dear
def test_nor_does_one_that_connects() -> None:
    operation = Operation(connects_again, inject="dsn")
    report = prove.explore(at_once(operation, operation), db="postgresql", runs_max=1)
    assert not [note for note in report.notes if "slept" in note], str(report)


def read_by_datetime(session: Session) -> None:
    began = datetime.now(UTC)
    read(session)
    assert (datetime.now(UTC) - began).total_seconds() >= SHORT_S


def read_by_name(session: Session) -> None:
    began = bound_monotonic()
    read(session)
    assert bound_monotonic() - began >= SHORT_S


def read_in_sql(session: Session) -> None:
    read(session)
    session.execute(text(NOW["sqlite"]))
    session.rollback()


SHORT_S = 0.01


def read(session: Session) -> None:
    session.execute(READ)
    session.rollback()
    time.sleep(SHORT_S)
    session.execute(READ)
    session.rollback()


@pytest.mark.dear
@pytest.mark.parametrize(
    ("operation", "clock"),
    [
        (read_by_datetime, "datetime.now"),
        pytest.param(read_by_name, "time.monotonic", marks=pytest.mark.slow),
        pytest.param(read_in_sql, "strftime in SQL", marks=pytest.mark.slow),
    ],
)
def test_where_a_clock_would_tell_callers_sleep(operation: object, clock: str) -> None:
    report = prove.explore(at_once(operation, operation), db="sqlite", runs_max=2)
    assert [note for note in report.notes if clock in note], str(report)
    assert not report.findings


@pytest.mark.slow
def test_a_sleep_that_is_cut_short_is_cut_short() -> None:
    """Time runs out before the sleep is over, and not after it."""

    slept: list[bool] = []

    async def is_cut_short(async_session: AsyncSession) -> None:
        await async_session.execute(READ)
        slept.append(False)
        with suppress(TimeoutError):
            async with asyncio.timeout(LONG_S / 2):
                await asyncio.sleep(LONG_S)
                slept[-1] = True
        await async_session.rollback()

    report = prove.replay_together(at_once(is_cut_short, is_cut_short), "ac1:A2.B2", db="sqlite")
    assert report.elapsed_s < LONG_S / 4
    assert set(slept) == {False}


def test_a_forked_caller_puts_on_the_clock_of_all() -> None:
    with naps.skipping() as clock:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads; the child has one
            child = os.fork()
        if child == 0:
            with acting(Actor("A", PassThrough())):
                time.sleep(LONG_S)
            os._exit(0)
        os.waitpid(child, 0)
        assert clock.skipped == LONG_S


@pytest.mark.slow
def test_callers_in_processes_have_one_clock() -> None:
    report = prove.replay_together(
        at_once(sleeps_between, sleeps_between), "ac1:A.B.A2.B2", db="sqlite", actors="processes"
    )
    assert report.elapsed_s < LONG_S / 2
    assert [finding.anomaly for finding in report.findings] == ["lost update"], str(report)


def test_a_caller_beside_whom_a_thread_of_its_own_works_sleeps() -> None:
    """It may wait for that thread, which takes its time."""
    took: list[float] = []

    def works_beside(session: Session) -> None:
        session.execute(READ)
        over = threading.Event()
        helper = threading.Thread(target=lambda: over.wait())
        helper.start()
        before = naps._REAL["monotonic"]()
        time.sleep(SHORT_S)
        took.append(naps._REAL["monotonic"]() - before)
        over.set()
        helper.join()
        session.rollback()

    report = prove.replay_together(at_once(works_beside, works_beside), "ac1:A2.B2", db="sqlite")
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
    assert min(took) >= SHORT_S


@pytest.mark.slow
def test_whoever_sleeps_again_without_a_call_waits_for_something_else() -> None:
    began = naps.time.monotonic()
    times: list[float] = []

    def polls(session: Session) -> None:
        session.execute(READ)
        before = naps._REAL["monotonic"]()
        for _ in range(3):
            time.sleep(SHORT_S)
        times.append(naps._REAL["monotonic"]() - before)
        session.rollback()

    prove.replay_together(at_once(polls, polls), "ac1:A2.B2", db="sqlite")
    assert min(times) >= 2 * SHORT_S
    assert naps.time.monotonic() - began < LONG_S


def test_what_ends_an_exploration_leaves_no_clock_behind() -> None:
    def fails(session: Session) -> None:
        session.execute(READ)
        time.sleep(LONG_S)
        raise RuntimeError

    with pytest.raises(UsageError):
        prove.explore(at_once(fails, fails), db="sqlite")
