"""Letter I: callers one by one and callers at once are compared where both are alike, and else nothing is said of them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.engines.bank import Base, seed
from tests.tiers import mostly_slow

LOCAL = threading.local()
LOCAL.amount = 10
CACHE: list[str] = []
CALLED: list[int] = []


def transfer(session: Session, amount: int = 10) -> None:
    """The database computes: nothing is wrong."""
    session.execute(text("UPDATE accounts SET balance = balance - :a WHERE id = 1"), {"a": amount})
    session.commit()


def reads_and_writes(session: Session) -> None:
    balance = session.execute(text("SELECT balance FROM accounts WHERE id = 1")).scalar_one()
    session.execute(text("UPDATE accounts SET balance = :b WHERE id = 1"), {"b": balance - 10})
    session.commit()


def with_an_alarm(session: Session) -> None:
    """Only the main thread can have one."""
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        transfer(session)
    finally:
        signal.signal(signal.SIGALRM, before)


def with_a_local(session: Session) -> None:
    """Set when the module was loaded, so for one thread."""
    transfer(session, LOCAL.amount)


def with_a_default(session: Session) -> None:
    transfer(session, getattr(LOCAL, "amount", 20))


def asks_more(session: Session) -> None:
    if not hasattr(LOCAL, "amount"):
        session.execute(text("SELECT 1 FROM accounts"))
    transfer(session)


def fills_a_cache(session: Session) -> None:
    """The very first run makes another call, wherever it is made."""
    if not CACHE:
        CACHE.append(session.execute(text("SELECT owner FROM accounts WHERE id = 1")).scalar_one())
    transfer(session)


def asks_now_and_then(session: Session) -> None:
    """As the ORM sends no UPDATE where a clock of seconds gives what is there already."""
    CALLED.append(1)
    if "010011100"[len(CALLED) // 2 % 9] == "1":
        session.execute(text("SELECT 1 FROM accounts"))
    transfer(session)


def fails_at(number: int) -> Callable[[Session], None]:
    """An operation that fails when it is called for so many times."""

    def fails_once(session: Session) -> None:
        CALLED.append(1)
        if len(CALLED) == number:
            raise KeyError("no rate for today")
        transfer(session)

    return fails_once


def explored(function: Callable[..., Any], **options: Any) -> prove.Report:
    CACHE.clear()
    return prove.explore(Scenario(Operation(function), metadata=Base.metadata, setup=seed), **options)


on_each_engine = pytest.mark.parametrize("db", mostly_slow("sqlite"))


@on_each_engine
@pytest.mark.parametrize(
    ("function", "told"),
    [
        (with_an_alarm, "with_an_alarm() fails with ValueError (signal only works in main thread"),
        (with_a_local, "with_a_local() fails with AttributeError ("),
        (asks_more, "A then B, one after the other, make other database calls in a thread or task of its own"),
    ],
)
def test_what_only_the_main_thread_can_do_is_unknown(db: str, function: Callable[..., Any], told: str) -> None:
    """It was a FAIL of callers who had met nobody: alone in a thread each of them fails as well."""
    report = explored(function, db=db)
    assert report.verdict == "unknown"
    assert told in report.unknowns[0]
    assert report.unknowns[0].endswith("; --actors processes gives each caller a main thread")


@pytest.mark.parametrize("begun", range(0, 18, 2))
def test_what_differs_by_chance_is_not_laid_to_the_thread(begun: int) -> None:
    CALLED[:] = [1] * begun
    report = explored(asks_now_and_then)
    assert not any("in a thread or task of its own" in told for told in report.unknowns), str(report)


def test_who_fails_by_chance_is_named() -> None:
    """And not only that the database calls are other ones."""
    CALLED.clear()
    (told,) = explored(fails_at(6)).unknowns
    assert "one after the other, fails_once() fails with KeyError ('no rate for today') in one of two runs" in told


@pytest.mark.parametrize("number", [1, 5])
def test_a_very_first_run_that_fails_is_no_cache(number: int) -> None:
    """The first of all, and the first in a thread of its own."""
    CALLED.clear()
    report = explored(fails_at(number))
    assert report.verdict == "pass"
    assert "the very first run of fails_once (it failed with KeyError ('no rate for today'))" in report.not_covered


@on_each_engine
def test_rows_that_differ_by_the_thread_are_unknown(db: str) -> None:
    report = explored(with_a_default, db=db)
    assert report.verdict == "unknown"
    assert "not deterministic" in report.unknowns[0]


@pytest.mark.dear
@on_each_engine
@pytest.mark.parametrize("function", [with_an_alarm, with_a_local, asks_more])
def test_processes_have_a_main_thread_each(db: str, function: Callable[..., Any]) -> None:
    assert explored(function, db=db, actors="processes").verdict == "pass"


@on_each_engine
@pytest.mark.parametrize("function", [transfer, fills_a_cache])
def test_the_right_twins_pass(db: str, function: Callable[..., Any]) -> None:
    assert explored(function, db=db).verdict == "pass"


@on_each_engine
@pytest.mark.parametrize("actors", ["threads", "processes"])
def test_what_is_wrong_is_found_all_the_same(db: str, actors: str) -> None:
    """A lost update, whatever thread it is in."""
    report = explored(reads_and_writes, db=db, actors=actors)
    assert [finding.anomaly for finding in report.findings if finding.severity == "error"] == ["lost update"]
