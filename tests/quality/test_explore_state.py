"""State of the program that each caller always leaves as it does, and another one otherwise: a service that keeps its order."""

from __future__ import annotations

import fcntl
import multiprocessing
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update
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
