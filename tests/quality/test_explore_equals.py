"""Callers that do the same are told apart by nothing: an order of them is run once, and compared with by all letters."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from acidity.prove.explore.classes.shared import Shared


class Base(DeclarativeBase):
    """Declarative base of the counter."""


class Counter(Base):
    """What number was handed out last."""

    __tablename__ = "counters"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]


class Ticket(Base):
    """A number that the database hands out."""

    __tablename__ = "tickets"
    id: Mapped[int] = mapped_column(primary_key=True)


def seed(session: Session) -> None:
    session.add(Counter(id=1, number=0))


def take(session: Session, _who: Any = None) -> str:
    """Whoever comes first is told so; nobody else is."""
    session.execute(update(Counter).values(number=Counter.number + 1))
    number = session.get_one(Counter, 1).number
    session.commit()
    return f"number {'abc'[number - 1]}"


def take_unguarded(session: Session) -> str:
    """The same, read before it is written."""
    counter = session.get_one(Counter, 1)
    counter.number += 1
    number = counter.number
    session.commit()
    return f"number {'abc'[number - 1]}"


def explored(*operations: Operation) -> Report:
    return prove.explore(Scenario(*operations, metadata=Base.metadata, setup=seed))


def serial_runs(report: Report) -> int:
    (bound,) = (each for each in report.bounds if each.name == "serial runs")
    return bound.covered


@pytest.mark.parametrize("callers", [1, 3])
def test_equal_callers_are_run_in_one_order(callers: int) -> None:
    """Whoever of them began first, each answer is compared with that of the same place in the order."""
    report = explored(*[Operation(take)] * callers)
    assert (report.verdict, serial_runs(report)) == ("pass", 2), report


def test_a_number_that_two_are_told_is_found() -> None:
    assert explored(Operation(take_unguarded)).verdict == "fail"


@pytest.mark.parametrize(
    ("one", "other", "runs"),
    [("x", "x", 2), (1, True, 4), (Decimal("1.0"), Decimal("1.00"), 4), ([1], [1], 4), ("x", "y", 4)],
)
def test_callers_are_equal_where_nothing_tells_their_arguments_apart(one: Any, other: Any, runs: int) -> None:
    assert serial_runs(explored(Operation(take, one), Operation(take, other))) == runs


# Schedules: of equal callers, those in which they act first in the order of their letters


def run_schedules(report: Report) -> tuple[int, bool]:
    """How many were run, and whether equal callers were kept in order."""
    (bound,) = (each for each in report.bounds if each.name.endswith("schedules"))
    return report.runs, "equal callers begin in one order" in bound.note


@pytest.mark.parametrize(("callers", "runs"), [(2, 3), pytest.param(3, 34, marks=pytest.mark.slow)])
def test_of_equal_callers_one_order_is_run(callers: int, runs: int) -> None:
    report = explored(*[Operation(take_unguarded)] * callers)
    assert (report.verdict, *run_schedules(report)) == ("fail", runs, True)
    assert report.bounds[0].name == "classes of schedules"


def count_by_key(session: Session) -> None:
    """Whoever waits for the row comes when it is let go."""
    session.execute(update(Counter).where(Counter.id == 1).values(number=Counter.number + 1))
    session.commit()


@pytest.mark.slow
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.parametrize(("function", "verdict", "runs"), [(count_by_key, "pass", 1), (take_unguarded, "fail", 13)])
def test_of_three_equal_callers_on_servers(db: str, function: Callable[..., object], verdict: str, runs: int) -> None:
    scenario = Scenario(*[Operation(function)] * 3, metadata=Base.metadata, setup=seed)
    report = prove.explore(scenario, db=db, isolation_level="READ COMMITTED")
    assert (report.verdict, *run_schedules(report)) == (verdict, runs, True)


def count_read(session: Session) -> None:
    """Reads, then writes what it has computed."""
    number = session.get_one(Counter, 1).number
    session.execute(update(Counter).values(number=number + 1))
    session.commit()


def count_at_once(session: Session) -> None:
    """The database computes."""
    session.execute(update(Counter).values(number=Counter.number + 1))
    session.commit()


@dataclass
class Counting:
    """Says that it equals every other one, and is not the same."""

    function: Callable[[Session], None] = field(compare=False)

    def __call__(self, session: Session) -> None:
        self.function(session)


def by_thread(session: Session) -> None:
    """Two callers are in threads of other names."""
    if threading.current_thread().name.endswith("A"):
        count_read(session)
    else:
        count_at_once(session)


ARRIVED: list[int] = []


def by_arrival(session: Session) -> None:
    """Whoever comes first is another one than whoever comes then."""
    ARRIVED.append(1)
    (count_read if len(ARRIVED) % 2 else count_at_once)(session)


def by_ticket(session: Session) -> None:
    """The same, by a key of the database."""
    ticket = Ticket()
    session.add(ticket)
    session.commit()
    (count_read if ticket.id == 1 else count_at_once)(session)


@pytest.mark.dear
@pytest.mark.parametrize(
    ("operations", "ordered"),
    [
        ([Operation(Counting(count_read), name="n"), Operation(Counting(count_at_once), name="n")], False),
        ([Operation(by_thread)] * 2, False),
        ([Operation(by_arrival)] * 2, False),
        ([Operation(by_ticket)] * 2, True),
    ],
    ids=["objects that say they are equal", "names of threads", "a count of the program", "generated keys"],
)
def test_callers_that_look_equal_are_told_apart(operations: list[Operation], *, ordered: bool) -> None:
    """What one of them does wrong is found, whichever comes first."""
    report = explored(*operations)
    assert (report.verdict, run_schedules(report)[1]) == ("fail", ordered), report


def test_the_same_objects_are_equal() -> None:
    counting = Counting(count_at_once)
    report = explored(Operation(counting, inject="session", name="n"), Operation(counting, inject="session", name="n"))
    assert (report.verdict, *run_schedules(report)) == ("pass", 1, True)


def of_a_task() -> None:
    async def named() -> str:
        task = asyncio.current_task()
        assert task is not None
        return task.get_name()

    asyncio.run(named())


@pytest.mark.parametrize(
    ("function", "asks"),
    [
        (lambda: threading.current_thread().name, True),
        (threading.get_ident, True),
        (lambda: threading.get_ident(), True),
        (os.getpid, True),
        (lambda: f"{os.getpid()}", True),
        (of_a_task, True),
        (lambda: logging.getLogger("told").warning("nobody reads it"), False),
        (lambda: threading.Lock(), False),
        (lambda: repr(Counting(count_at_once)), False),
    ],
)
def test_who_asks_who_it_is(function: Callable[[], object], *, asks: bool) -> None:
    """Not so a logger, which tells it to nobody but the log."""

    def operation() -> None:
        function()

    shared = Shared([Operation(operation)])
    with shared.watching():
        operation()
    assert shared.asks_who is asks
