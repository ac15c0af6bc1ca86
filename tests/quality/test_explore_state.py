"""State of the program that each caller always leaves as it does, and another one otherwise: a service that keeps its order."""

from __future__ import annotations

import fcntl
import multiprocessing
import shelve
import socket
import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation
from tests.quality.callers import Account, at_once

CURRENT = {"account": 0}


class Service:
    """One for the whole program."""

    def __init__(self) -> None:
        self.account = 0

    def marks(self, session: Session, account: int) -> None:
        self.account = account
        session.execute(select(Account.id))
        session.execute(select(Account.balance))
        session.execute(update(Account).where(Account.id == account).values(balance=self.account))
        session.commit()

    def marks_well(self, session: Session, account: int) -> None:
        session.execute(select(Account.id))
        session.execute(select(Account.balance))
        session.execute(update(Account).where(Account.id == account).values(balance=account))
        session.commit()


SERVICE = Service()


def marks(session: Session, account: int) -> None:
    CURRENT["account"] = account
    session.execute(select(Account.id))
    session.execute(select(Account.balance))
    session.execute(update(Account).where(Account.id == account).values(balance=CURRENT["account"]))
    session.commit()


@pytest.mark.parametrize(
    ("function", "verdict", "searched"),
    [
        (SERVICE.marks, "fail", "every sequence of Calls (the program has state"),
        (marks, "fail", "every sequence of Calls (the program has state"),
        (SERVICE.marks_well, "pass", "of each class"),
    ],
    ids=["of an object", "of a dictionary", "none"],
)
def test_what_one_leaves_is_held_against_what_another_one_leaves(function: object, verdict: str, searched: str) -> None:
    both = at_once(*(Operation(function, account, name=f"of {account}") for account in (1, 2)))  # type: ignore[arg-type]
    report = prove.explore(both, settings={"journal_mode": "wal"})
    note = next(bound.note for bound in report.bounds if bound.name.endswith("schedules"))
    assert (report.verdict, searched in note) == (verdict, True), note


@cache
def kept() -> dict[str, int]:
    return {}


DEFAULT: ContextVar[dict[str, int]] = ContextVar("default", default={})  # noqa: B039 - this is what is looked for
OF_TASK: ContextVar[int] = ContextVar("of_task")
OF_THREAD = threading.local()


def by_default(session: Session, account: int, state: dict[str, int] = {}) -> None:  # noqa: B006
    by_state(session, account, state)


def by_cache(session: Session, account: int) -> None:
    by_state(session, account, kept())


def by_context(session: Session, account: int) -> None:
    by_state(session, account, DEFAULT.get())


def by_thread(session: Session, account: int) -> None:
    by_state(session, account, vars(OF_THREAD))


def by_a_shelf(session: Session, account: int, path: Path) -> None:
    with shelve.open(str(path)) as state:
        state["account"] = account
    session.execute(select(Account.id))
    session.execute(select(Account.balance))
    with shelve.open(str(path)) as state:
        session.execute(update(Account).where(Account.id == account).values(balance=state["account"]))
    session.commit()


def by_state(session: Session, account: int, state: dict[str, int]) -> None:
    state["account"] = account
    session.execute(select(Account.id))
    session.execute(select(Account.balance))
    session.execute(update(Account).where(Account.id == account).values(balance=state["account"]))
    session.commit()


def only_looks(session: Session, account: int, state: dict[str, int] = {}) -> None:  # noqa: B006
    session.execute(select(Account.id))
    session.execute(select(Account.balance))
    values = [state.get("none", account), kept().get("none", account), DEFAULT.get().get("none", account)]
    session.execute(update(Account).where(Account.id == account).values(balance=min(values)))
    session.commit()


async def by_thread_of_tasks(session: AsyncSession, account: int) -> None:
    OF_THREAD.account = account
    await session.execute(select(Account.id))
    await session.execute(select(Account.balance))
    await session.execute(update(Account).where(Account.id == account).values(balance=OF_THREAD.account))
    await session.commit()


async def by_task(session: AsyncSession, account: int) -> None:
    OF_TASK.set(account)
    await session.execute(select(Account.id))
    await session.execute(select(Account.balance))
    await session.execute(update(Account).where(Account.id == account).values(balance=OF_TASK.get()))
    await session.commit()


@pytest.mark.dear
@pytest.mark.parametrize(
    ("function", "verdict"),
    [
        (by_default, "fail"),
        (by_cache, "fail"),
        (by_context, "fail"),
        (by_thread_of_tasks, "fail"),
        (by_a_shelf, "fail"),
        (by_thread, "pass"),
        (by_task, "pass"),
        (only_looks, "pass"),
    ],
)
def test_state_is_seen_wherever_the_program_keeps_it(function: Any, verdict: str, tmp_path: Path) -> None:
    path = [tmp_path / "shelf"] if function is by_a_shelf else []
    both = at_once(*(Operation(function, account, *path, name=f"of {account}") for account in (1, 2)))
    report = prove.explore(both, settings={"journal_mode": "wal"})
    note = next(bound.note for bound in report.bounds if bound.name.endswith("schedules"))
    assert (report.verdict, "of each class" in note) == (verdict, verdict == "pass"), note


FILLED: dict[str, int] = {}


def fills_a_cache(session: Session) -> None:
    """The price is looked up once in the life of the process."""
    if "price" not in FILLED:
        FILLED["price"] = session.execute(select(Account.balance).where(Account.id == 2)).scalar_one() and 1
    session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance - FILLED["price"]))
    session.commit()


def takes_one(session: Session) -> None:
    session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance - 1))
    session.commit()


FIRST_RUN = "the very first run of fills_a_cache (other database calls: a cache fills itself)"


def test_the_report_says_that_the_run_which_filled_a_cache_is_left_out() -> None:
    FILLED.clear()
    both = at_once(Operation(takes_one), Operation(fills_a_cache))
    first, second = prove.explore(both), prove.explore(both)
    assert (first.verdict, second.verdict) == ("pass", "pass")
    assert FIRST_RUN in first.not_covered
    assert not any("very first run" in each for each in second.not_covered)


@pytest.mark.dear
def test_so_it_does_at_an_imposed_level() -> None:
    FILLED.clear()
    report = prove.explore(at_once(Operation(fills_a_cache)), db="postgresql", isolation_level="READ COMMITTED")
    assert (report.verdict, FIRST_RUN in report.not_covered) == ("pass", True)


LOCK = multiprocessing.Lock()  # its methods are the object's own
HERE = Path(__file__)


def under_a_lock_of_processes() -> None:
    with LOCK:
        pass


def by_a_file() -> None:
    HERE.open(encoding="utf-8").close()


def by_a_locked_file() -> None:
    with open(HERE, encoding="utf-8") as file:  # noqa: PTH123 - the other way to open one
        fcntl.flock(file, fcntl.LOCK_SH)


def by_a_socket() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"x")


def by_nothing() -> None:
    str(HERE).replace("x", "y")


ELSEWHERE, STATE = "opens files, or talks to somebody", "has state or locks of its own"


@pytest.mark.parametrize(
    ("aside", "searched"),
    [
        (under_a_lock_of_processes, STATE),
        (by_a_file, ELSEWHERE),
        (by_a_locked_file, ELSEWHERE),
        (by_a_socket, ELSEWHERE),
        (by_nothing, "of each class"),
    ],
)
def test_who_may_meet_elsewhere_is_run_in_every_order(aside: Callable[[], None], searched: str) -> None:
    def takes(session: Session) -> None:
        aside()
        session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance - 1))
        session.commit()

    report = prove.explore(at_once(Operation(takes), Operation(takes)))
    note = next(bound.note for bound in report.bounds if "schedules" in bound.name)
    assert (report.verdict, searched in note) == ("pass", True), note


def test_where_not_all_were_run_it_is_said_why_so_many_have_to_be() -> None:
    def takes(session: Session) -> None:
        by_a_file()
        for _ in range(6):
            session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance - 1))
            session.commit()

    report = prove.explore(at_once(Operation(takes), Operation(takes)), runs_max=3)
    note = next(bound.note for bound in report.bounds if "schedules" in bound.name)
    assert (report.verdict, ELSEWHERE in note) == ("unknown", True), note
