"""Callers that wait for other things than a database, that never end, that cannot be seen, or that chance decides."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from acidity import prove
from acidity.core.report import Report
from acidity.errors import UsageError
from acidity.prove import Operation, Retry
from tests.quality.callers import (
    Account,
    Conflict,
    at_once,
    give,
    look,
    twice,
    withdraw,
    withdraw_begun,
    withdraw_guarded,
    withdraw_versioned,
)
from tests.tiers import SERVERS

LOCK = threading.Lock()
ONE_CONNECTION = create_engine("sqlite:///nowhere.db", pool_size=1, max_overflow=0, pool_timeout=20)


def actors_left() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "actor" in thread.name]


def verdicts(report: Report) -> tuple[str, list[str]]:
    return report.verdict, [finding.anomaly for finding in report.findings]


# Waiting for others of the program


def under_a_lock(session: Session) -> None:
    with LOCK:
        withdraw(session, 10)


def through_the_pool() -> None:
    with Session(ONE_CONNECTION) as session:
        withdraw(session, 10)


async def under_an_async_lock(async_session: AsyncSession) -> None:
    async with lock_of_this_loop():
        await withdraw_async(async_session)


async def withdraw_async(async_session: AsyncSession) -> None:
    account = await async_session.get_one(Account, 1)
    account.balance -= 10
    await async_session.commit()


_locks: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}


def lock_of_this_loop() -> asyncio.Lock:
    return _locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


@pytest.mark.parametrize(
    ("scenario", "runs"),
    [
        (twice(under_a_lock), 6),
        (at_once(Operation(through_the_pool), Operation(through_the_pool), bind=f"{__name__}:ONE_CONNECTION"), 4),
        (twice(under_an_async_lock), 6),
    ],
    ids=["lock", "pool", "async lock"],
)
def test_whoever_waits_for_the_program_is_seen_waiting(scenario: prove.Scenario, runs: int) -> None:
    """Either of the two comes first, and the other one may begin to wait at each of its Calls.

    Of callers without state of the program only one order of the first writes is run.
    """
    report = prove.explore(scenario)
    assert (report.verdict, report.runs) == ("pass", runs), str(report)
    assert "--actors processes" in report.headline  # a pool keeps no two workers apart, either


@pytest.mark.dear
@pytest.mark.parametrize(
    "scenario",
    [twice(withdraw_async), at_once(Operation(withdraw_async), Operation(withdraw, 10))],
    ids=["tasks", "a task and a thread"],
)
@pytest.mark.one_in(3)
def test_tasks_lose_updates_too(scenario: prove.Scenario) -> None:
    report = prove.explore(scenario)
    alike = scenario.operations[0] == scenario.operations[1]
    assert (verdicts(report), report.runs) == (("fail", ["lost update"]), 3 if alike else 5)


@pytest.mark.parametrize("db", ["postgresql+psycopg", "postgresql+asyncpg", "mariadb"])
@pytest.mark.slow
def test_tasks_on_servers_lose_updates_too(db: str) -> None:
    report = prove.explore(twice(withdraw_async), db=db, isolation_level="READ COMMITTED")
    assert (verdicts(report), report.runs) == (("fail", ["lost update"]), 3)


def test_a_bare_driver_loses_updates_too() -> None:
    report = prove.explore(twice(bare))
    assert (verdicts(report), report.runs) == (("fail", ["lost update"]), 3)


def bare(dbapi_connection: sqlite3.Connection) -> None:
    ((balance,),) = dbapi_connection.execute("SELECT balance FROM accounts WHERE id = 1").fetchall()
    dbapi_connection.execute("UPDATE accounts SET balance = ? WHERE id = 1", (balance - 10,))
    dbapi_connection.commit()


@pytest.mark.slow
def test_three_at_once() -> None:
    three = at_once(*[Operation(give, 1, 2)] * 3)
    report = prove.explore(three)
    assert (report.verdict, report.unknowns) == ("pass", ())
    assert report.headline.startswith("3 callers")


# Never ending


def stuck_beside_another(session: Session) -> None:
    """It takes a second lock of the program in the other order than its twin."""
    number = next(_numbers) % 2
    with _two[number]:
        look(session)
        look(session)
        with _two[1 - number]:
            look(session)


_numbers: Iterator[int] = itertools.count()
_two = threading.Lock(), threading.Lock()


@pytest.mark.dear
def test_who_waits_for_ever_is_unknown_with_what_it_waits_for() -> None:
    report = prove.explore(twice(stuck_beside_another), run_timeout=20)
    assert report.verdict == "unknown"
    assert "A waits for a lock or a connection of the program; B waits for a lock" in report.unknowns[0]
    assert "A, B could not be ended" in report.unknowns[0]
    assert [(left.name, left.daemon) for left in actors_left()] == [
        ("acidity-actor-A", True),
        ("acidity-actor-B", True),
    ]
    for lock in _two:
        with suppress(RuntimeError):  # whoever got the first one may have ended, and let go of the other
            lock.release()
    for left in actors_left():
        left.join()


def endless(session: Session) -> None:
    look(session)
    while True:
        time.sleep(0.001)


@pytest.mark.dear
def test_an_endless_caller_is_unknown() -> None:
    began = time.monotonic()
    report = prove.explore(at_once(Operation(endless), Operation(look)), run_timeout=0.3)
    assert time.monotonic() - began < 2 * 0.3 + 2  # it runs twice, and is ended within two seconds
    assert report.verdict == "unknown"
    assert "did not end within 0.3 s" in report.unknowns[0]


# What cannot be seen, or is not to be relied on


def past_the_seam(session: Session) -> None:
    look(session)
    session.connection().connection.dbapi_connection.execute("SELECT 1")  # type: ignore[union-attr]
    look(session)


def test_a_bypass_is_seen_while_the_other_caller_is_held() -> None:
    report = prove.explore(at_once(Operation(past_the_seam), Operation(look)))
    assert report.verdict == "unknown"
    assert "raw driver connection" in report.unknowns[0]


_chances: Iterator[int] = itertools.count()


def by_chance(session: Session) -> None:
    if next(_chances) % 3:
        look(session)
    look(session)


@pytest.mark.parametrize("number", range(3))
def test_what_chance_decides_is_unknown(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}._chances", itertools.count(number))
    report = prove.explore(twice(by_chance))
    assert report.verdict == "unknown"
    assert "not deterministic" in report.unknowns[0]


def make_stamps(connection: Any) -> None:
    connection.execute(text("CREATE TABLE stamps (id INTEGER PRIMARY KEY, made TEXT)"))


def stamp(session: Session) -> None:
    """To the second; the runs after those of the serial orders fall into a later one."""
    moment = datetime.now(UTC).replace(microsecond=0, tzinfo=None) + timedelta(seconds=next(_chances) >= 8)
    session.execute(text("INSERT INTO stamps (made) VALUES (:made)"), {"made": moment.isoformat(" ")})
    session.commit()


@pytest.mark.dear
def test_a_clock_that_tells_seconds_is_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}._chances", itertools.count())
    report = prove.explore(prove.Scenario(Operation(stamp), Operation(stamp, name="other"), schema=make_stamps))
    assert report.verdict == "pass", report.unknowns


def does_nothing(session: Session) -> None:
    del session


def test_no_call_is_unknown() -> None:
    assert prove.explore(twice(does_nothing)).verdict == "unknown"


def fails(session: Session) -> Any:
    look(session)
    raise ValueError("no")


def fails_before_any_call(session: Session) -> None:
    look({}["session"])


@pytest.mark.parametrize("ask", [prove.explore, lambda scenario: prove.check(scenario, letters="I")])
def test_what_fails_before_any_call_is_named(ask: Callable[[prove.Scenario], object]) -> None:
    with pytest.raises(UsageError, match=r"there at \S+traps.py:\d+: KeyError: 'session'; say raises=KeyError"):
        ask(twice(fails_before_any_call))


def test_what_fails_alone_is_no_operation() -> None:
    with pytest.raises(UsageError, match=r"fails\(\) fails when nobody else is there at \S+: ValueError: no.*raises="):
        prove.explore(twice(fails))
    assert prove.explore(twice(fails, raises=ValueError)).verdict == "pass"


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_a_third_caller_is_not_let_go_while_a_cycle_is_being_ended(db: str) -> None:
    three = at_once(Operation(give, 1, 2), Operation(give, 2, 1), Operation(look))
    report = prove.explore(three, db=db, runs_max=150)
    assert [finding.word for finding in report.findings] == ["deadlock"]
    assert [why for why in report.unknowns if "runs_max" not in why] == []


def tries(session: Session, told: Any) -> Any:
    """What the database refuses is kept from the caller, who hears `told` instead."""
    try:
        withdraw(session, 10)
    except DBAPIError:
        session.rollback()
        return told
    return None


@pytest.mark.dear
@pytest.mark.parametrize(
    ("told", "verdict"), [(None, "fail"), (ValueError("busy"), "pass"), ("sorry", "pass")], ids=str
)
@pytest.mark.one_in(3)
def test_what_a_caller_says_that_was_turned_away(told: Any, verdict: str) -> None:
    """Told that all is well although nothing is there, or that it failed."""
    report = prove.explore(twice(tries, told), db="postgresql", isolation_level="REPEATABLE READ")
    assert report.verdict == verdict, str(report)


def books(session: Session, told: str) -> str:
    """The same with an answer that only the user can read."""
    return tries(session, told) or "booked"


@pytest.mark.slow
def test_what_only_the_user_can_read_is_unknown() -> None:
    asked = {"db": "postgresql", "isolation_level": "REPEATABLE READ"}
    report = prove.explore(twice(books, "try later"), **asked)  # type: ignore[arg-type]
    assert report.verdict == "unknown"
    assert "say with succeeded=" in report.unknowns[0]
    report = prove.explore(twice(books, "try later", succeeded=lambda it: it == "booked"), **asked)  # type: ignore[arg-type]
    assert report.verdict == "pass"


@pytest.mark.one_in(2)
@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.slow
def test_sqlite_refuses_at_once_who_has_read(mode: str) -> None:
    """Whoever has read and then wants to write cannot wait for the other one, who waits for him."""
    report = prove.explore(twice(withdraw_begun, 10), settings={"journal_mode": mode})
    assert (report.verdict, report.unknowns) == ("pass", ())
    assert "somebody was turned away" in report.headline
    assert all(not move.blocked for finding in report.findings for move in finding.lanes)


def withdraw_exclusively(url: str) -> None:
    engine = create_engine(url, connect_args={"isolation_level": "EXCLUSIVE"}, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE accounts SET balance = balance - 10 WHERE id = 1"))
        connection.execute(text("UPDATE accounts SET balance = balance - 10 WHERE id = 2"))


def look_at_both(url: str) -> list[int]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return [connection.execute(text(f"SELECT balance FROM accounts WHERE id = {key}")).scalar() for key in (1, 2)]  # type: ignore[misc]


@pytest.mark.dear
def test_a_wait_that_no_relation_explains_ends_the_reduction() -> None:
    """A driver that begins with EXCLUSIVE keeps readers out before its COMMIT, which no text shows."""
    report = prove.explore(at_once(Operation(withdraw_exclusively), Operation(look_at_both)))
    (schedules, _) = report.bounds
    assert "every sequence of Calls (nothing that is known of the others explains why 'SELECT" in schedules.note
    assert (report.verdict, report.runs) == ("fail", 10)


def where_it_lies(session: Session) -> tuple[Any, ...]:
    """Where PostgreSQL keeps the row, which a reset by DELETE and INSERT changes."""
    place = session.execute(text("SELECT ctid::text FROM accounts WHERE id = 1")).scalar()
    session.rollback()
    with session.begin():
        session.execute(text("UPDATE accounts SET version = version + 1 WHERE id = 2"))
    return (place,)


@pytest.mark.slow
def test_every_run_starts_from_the_same_place() -> None:
    report = prove.explore(twice(where_it_lies), db="postgresql")
    assert (report.verdict, report.unknowns) == ("pass", ())


class Once:
    """Says yes once, the time that is asked for."""

    def __init__(self, number: int) -> None:
        self.number, self.asked = number, 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked == self.number


ONCE = Once(0)


def slips_once(session: Session) -> None:
    withdraw_guarded(session, 77 if ONCE() else 10)


def test_what_does_not_come_again_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ONCE", Once(13))  # after eight serial calls and four alone
    report = prove.explore(twice(slips_once))
    assert (report.verdict, report.findings) == ("unknown", ())
    assert "did not come again" in report.unknowns[0]


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("scenario", "db", "level"),
    [
        (twice(withdraw, 10, retry=Retry()), "postgresql", "REPEATABLE READ"),
        pytest.param(twice(withdraw, 10, retry=Retry(codes=["1213"])), "mariadb", "SERIALIZABLE", marks=pytest.mark.slow),
        (twice(withdraw_versioned, 10, retry=Retry(exceptions=Conflict)), "sqlite", None),
    ],
    ids=["postgresql", "mariadb", "sqlite"],
)  # fmt: skip
def test_whoever_tries_again_takes_place(scenario: prove.Scenario, db: str, level: str | None) -> None:
    report = prove.explore(scenario, db=db, isolation_level=level)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
    assert report.findings == () or db == "mariadb"


@pytest.mark.dear
def test_whoever_gives_up_is_unknown() -> None:
    """One of three needs a third attempt, at times."""
    three = at_once(*[Operation(withdraw_versioned, 10, retry=Retry(exceptions=Conflict, max_attempts=2))] * 3)
    report = prove.replay_together(three, "ac1:A2.B2.C2.A2.B4.C4")
    assert report.verdict == "unknown"
    assert "gave up after its last attempt" in report.unknowns[0]


def test_a_retry_that_never_tries_again_is_none() -> None:
    with pytest.raises(UsageError, match="never tries again"):
        Retry(max_attempts=1)


@pytest.mark.slow
def test_requests_to_a_web_application_that_works_in_threads() -> None:
    """They are answered in tasks, and their calls are made in threads of the framework's pool."""
    pytest.importorskip("fastapi")
    from examples.web.scenarios import transfer
    from examples.web.twins import computed_in_memory

    report = prove.explore(computed_in_memory)
    assert (verdicts(report), report.runs) == (("fail", ["lost update"]), 3)
    assert prove.explore(transfer).verdict == "pass"
