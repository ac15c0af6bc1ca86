"""A caller that sleeps is not waited for: explore costs no real seconds, and says the same of the program.

Sleeps of a hundred seconds stand for the back-off of a program; a run that really slept would take longer than a run may.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic as bound_monotonic
from time import sleep as bound_sleep
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.adapters.seam import Actor, PassThrough, acting
from acidity.core.report import Report
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from acidity.prove.stage import naps
from tests.quality.callers import at_once
from tests.tiers import ENGINES

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


@pytest.mark.dear
def test_of_callers_that_sleep_every_schedule_is_run() -> None:
    """Time passes for the others, too; what sees which clocks are read is no profiler of the user's."""
    searched = next(bound.note for bound in explored(sleeps_between).bounds if bound.name.endswith("schedules"))
    assert "every sequence of Calls (a caller sleeps" in searched


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


# Names that the user's modules have given


def sleeps_by_name(session: Session) -> None:
    """Until its time is over, by the same clock under two names."""
    deadline = bound_monotonic() + 1.5 * LONG_S
    while time.monotonic() < deadline:
        session.execute(READ)
        session.rollback()
        bound_sleep(LONG_S)


def loses_by_name(session: Session) -> None:
    """A lost update whose window is long."""
    old = session.execute(READ).scalar_one()
    bound_sleep(LONG_S)
    session.execute(WRITE, {"new": old - 10})
    session.commit()


def test_a_sleep_and_a_clock_by_name_take_no_time() -> None:
    report = prove.explore(at_once(sleeps_by_name, sleeps_by_name), db="sqlite", runs_max=1)
    assert report.elapsed_s < LONG_S / 2
    assert not [note for note in report.notes if "slept" in note], str(report)
    assert (bound_sleep, bound_monotonic) == (naps._SLEEP, naps._REAL["monotonic"])


@pytest.mark.dear
def test_what_is_lost_beside_a_sleep_by_name_is_found() -> None:
    assert [finding.anomaly for finding in explored(loses_by_name).findings] == ["lost update"]


def test_a_name_of_a_module_imported_meanwhile_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose it is decides: a package of others keeps what it has."""
    (tmp_path / "late_sleeper.py").write_text("from asyncio import sleep as pause\nfrom time import sleep, time_ns\n")
    monkeypatch.syspath_prepend(tmp_path)
    with naps.skipping():
        late = importlib.import_module("late_sleeper")
        assert late.sleep is naps._sleep
        others = {name: vars(sys.modules[name]).copy() for name in ("sqlalchemy", "pytest", "asyncio.tasks")}
        assert asyncio.tasks.sleep is naps._SLEEP_ASYNC
    assert (late.sleep, late.pause, late.time_ns) == (naps._SLEEP, naps._SLEEP_ASYNC, time.time_ns)
    assert all(vars(sys.modules[name]) == before for name, before in others.items())
    del sys.modules["late_sleeper"]


def collects(session: Session) -> None:
    read(session)
    gc.collect()


def counts_time(phase: str, _: object, kept: Callable[[], float] = bound_monotonic) -> None:
    kept()


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


def read_as_kept(session: Session, kept: Callable[[], float] = bound_monotonic) -> None:
    began = kept()
    read(session)
    assert kept() - began >= SHORT_S


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
        pytest.param(read_as_kept, "time.monotonic", marks=pytest.mark.slow),
        pytest.param(read_in_sql, "strftime in SQL", marks=pytest.mark.slow),
    ],
)
def test_where_a_clock_would_tell_callers_sleep(operation: object, clock: str) -> None:
    report = prove.explore(at_once(operation, operation), db="sqlite", runs_max=2)
    assert [note for note in report.notes if clock in note], str(report)
    assert not report.findings


# Clocks of the schema


PLAIN = "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER)"
LATER = "CREATE TABLE later (id INTEGER PRIMARY KEY, at {})"
CLOCKS = [
    ("sqlite", LATER.format("TEXT DEFAULT CURRENT_TIMESTAMP")),
    ("sqlite", "CREATE TRIGGER stamped AFTER UPDATE ON accounts BEGIN SELECT datetime('now'); END"),
    ("sqlite", "CREATE VIEW today AS SELECT date('now')"),
    ("postgresql", LATER.format("TIMESTAMPTZ DEFAULT now()")),
    ("postgresql", LATER.format("TIMESTAMPTZ CHECK (at > now())")),
    ("postgresql", "CREATE DOMAIN moment AS TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP"),
    ("postgresql", "CREATE RULE stamped AS ON UPDATE TO accounts DO ALSO SELECT clock_timestamp()"),
    ("postgresql", "CREATE POLICY soon ON accounts USING (now() > '2020-01-01')"),
    ("postgresql", "CREATE FUNCTION hour() RETURNS TIMESTAMPTZ LANGUAGE sql AS 'SELECT now()'"),
    ("postgresql", "CREATE VIEW today AS SELECT CURRENT_DATE AS day"),
    ("mariadb", LATER.format("DATETIME DEFAULT CURRENT_TIMESTAMP")),
    ("mariadb", LATER.format("DATETIME DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP")),
    ("mariadb", LATER.format("DATETIME AS (now()) VIRTUAL")),
    ("mariadb", "CREATE TRIGGER stamped AFTER UPDATE ON accounts FOR EACH ROW SET @at = NOW(6)"),
    ("mariadb", "CREATE FUNCTION moment() RETURNS DATETIME RETURN NOW(6)"),
    ("mariadb", "CREATE VIEW today AS SELECT CURDATE() AS day"),
]


def of_schema(*texts: str) -> Scenario:
    """Accounts, and what else a schema has."""

    def create(connection: Connection) -> None:
        for each in (PLAIN, *texts):
            connection.exec_driver_sql(each)

    def setup(session: Session) -> None:
        session.execute(text("INSERT INTO accounts VALUES (1, 100)"))

    return Scenario(Operation(read), Operation(read), schema=create, setup=setup)


@pytest.mark.parametrize(
    ("db", "clock"),
    [
        pytest.param(
            db, clock, marks=() if number == 0 else (pytest.mark.slow,) if "DEFAULT" in clock else (pytest.mark.dear,)
        )
        for number, (db, clock) in enumerate(CLOCKS)
    ],
)
def test_where_the_schema_has_a_clock_callers_sleep(db: str, clock: str) -> None:
    report = prove.explore(of_schema(clock), db=db, runs_max=1)
    assert [note for note in report.notes if "in SQL" in note], str(report)
    assert not report.findings


@pytest.mark.dear
@pytest.mark.parametrize("db", ENGINES)
def test_where_it_has_none_they_do_not(db: str) -> None:
    report = prove.explore(of_schema("CREATE TABLE later (id INTEGER PRIMARY KEY)"), db=db, runs_max=1)
    assert not [note for note in report.notes if "slept" in note], str(report)


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


def says_how_long_it_took(session: Session) -> dict[str, float]:
    began = time.perf_counter()
    old = session.execute(text("SELECT balance FROM accounts WHERE id = 1 FOR UPDATE")).scalar_one()
    time.sleep(LONG_S)
    session.execute(WRITE, {"new": old - 10})
    session.commit()
    return {"took": round(time.perf_counter() - began, -1)}


@pytest.mark.dear
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
def test_whoever_is_at_work_beside_one_that_sleeps_has_not_slept(db: str) -> None:
    """Whoever had let the other one go saw its sleep or not, by chance."""
    for _ in range(3):
        report = prove.explore(at_once(says_how_long_it_took), db=db, isolation_level="READ COMMITTED")
        assert (report.verdict, report.findings, report.unknowns) == ("pass", (), ())


def test_what_one_sleeps_has_passed_for_the_others_when_somebody_is_let_go() -> None:
    """Until then only for itself; no clock goes back."""
    one, other = Actor("A", PassThrough()), Actor("B", PassThrough())

    def clock_of(actor: Actor) -> float:
        with acting(actor):
            return round((time.monotonic() - began) / LONG_S, 2)

    with naps.skipping() as clock:
        began = time.monotonic()
        with acting(one):
            time.sleep(LONG_S)
        assert (clock_of(one), clock_of(other), clock_of(Actor("A", PassThrough()))) == (1, 0, 0)
        naps.let_pass()
        assert (clock_of(one), clock_of(other), clock.skipped) == (1, 1, LONG_S)
        other.made += 1
        with acting(other):
            time.sleep(2 * LONG_S)
        assert (clock_of(one), clock_of(other), clock.sleeps) == (1, 3, 2)
        naps.let_pass()
        assert (clock_of(one), clock_of(other)) == (3, 3)
