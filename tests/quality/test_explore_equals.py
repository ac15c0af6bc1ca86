"""Callers that do the same are told apart by nothing: an order of them is run once, and compared with by all letters."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Scenario


class Base(DeclarativeBase):
    """Declarative base of the counter."""


class Counter(Base):
    """What number was handed out last."""

    __tablename__ = "counters"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]


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
