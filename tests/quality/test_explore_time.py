"""Time that passes for one caller while another one sleeps: who goes by a clock can tell, so every order is run."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Report
from acidity.prove.explore.classes.fit import Classes
from tests.quality.callers import at_once
from tests.tiers import ENGINES

EVERY = "every sequence of Calls (a caller sleeps"
on_each_engine = pytest.mark.parametrize(
    "db", [pytest.param(db, marks=[] if db == "sqlite" else pytest.mark.slow) for db in ENGINES]
)


def explored(*operations: object, db: str = "sqlite") -> Report:
    """Where reading does not wait for who writes, on SQLite, too."""
    settings: Any = {"settings": {"journal_mode": "wal"}} if db == "sqlite" else {"isolation_level": "READ COMMITTED"}
    return prove.explore(at_once(*operations), db=db, **settings)


def searched(report: Report) -> str:
    return next(bound.note for bound in report.bounds if bound.name.endswith("schedules"))


def pays(session: Session) -> None:
    session.execute(text("UPDATE accounts SET balance = balance - 10 WHERE id = 1"))
    session.commit()


def looks(session: Session) -> None:
    session.execute(text("SELECT on_call FROM doctors WHERE id = 2"))


def is_late(session: Session) -> None:
    session.execute(text("UPDATE doctors SET on_call = 0 WHERE id = 1"))


def in_time(session: Session) -> None:
    """Pay, look at something that nobody changes, and mind how long that took."""
    pays(session)
    began = time.monotonic()
    looks(session)
    if time.monotonic() - began > 5:
        is_late(session)
    session.commit()


def in_time_by_date(session: Session) -> None:
    pays(session)
    began = datetime.now()  # noqa: DTZ005 - as many write it
    looks(session)
    if (datetime.now() - began).total_seconds() > 0.5:  # noqa: DTZ005
        is_late(session)
    session.commit()


def minds_nothing(session: Session) -> None:
    pays(session)
    looks(session)
    session.commit()


def meets(session: Session, seconds: float = 10.0) -> None:
    """It sleeps only where somebody has been faster."""
    old = text("UPDATE accounts SET version = 2 WHERE id = 1 AND balance = 100")
    changed = session.execute(old).rowcount  # type: ignore[attr-defined]
    session.commit()
    if not changed:
        time.sleep(seconds)


def sleeps(session: Session) -> None:
    session.execute(text("SELECT balance FROM accounts WHERE id = 2"))
    session.rollback()
    time.sleep(0.6)


@on_each_engine
def test_one_that_sleeps_only_when_it_meets_another_may_make_it_late(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    report = explored(in_time, meets, db=db)
    assert (report.verdict, EVERY in searched(report)) == ("fail", True)
    monkeypatch.setattr(Classes, "sleeping", lambda self: "")
    assert explored(in_time, meets, db=db).verdict == "pass"


@on_each_engine
def test_where_nobody_goes_by_a_clock_a_sleep_that_an_order_brings_tells_nothing(db: str) -> None:
    report = explored(minds_nothing, meets, db=db)
    assert (report.verdict, EVERY in searched(report)) == ("pass", False)


@pytest.mark.slow
@pytest.mark.parametrize("other", [sleeps, meets])
def test_where_sleeps_take_their_time_every_order_is_run(other: object) -> None:
    """A clock that does not go on with what is skipped has everything run again, sleeping."""
    report = explored(in_time_by_date, prove.Operation(meets, 0.6) if other is meets else sleeps)
    assert (report.verdict, EVERY in searched(report)) == ("fail", True)
    assert "slept as long as they say" in str(report.notes)
