"""Letter A: a program that writes the number of its process writes another one where it is to be killed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.outcome import Ending, State, Table
from acidity.core.schedule import Schedule
from acidity.prove import Operation, Scenario
from acidity.prove.stage.renumbered import as_of_this_process
from acidity.prove.stage.run import Run
from tests.tiers import mostly_slow


class Base(DeclarativeBase):
    """Declarative base of the table."""


class Job(Base):
    """Who does it."""

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    process: Mapped[int | None]
    owner: Mapped[str | None] = mapped_column(String(40))


def two_jobs(session: Session) -> None:
    session.add_all([Job(id=1), Job(id=2)])


def claims(session: Session) -> None:
    for job in (session.get_one(Job, 1), session.get_one(Job, 2)):
        job.process, job.owner = os.getpid(), f"host:{os.getpid()}"
    session.commit()


def claims_one_by_one(session: Session) -> None:
    for number in (1, 2):
        session.get_one(Job, number).owner = f"host:{os.getpid()}"
        session.commit()


@pytest.mark.dear
@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize(("function", "verdict"), [(claims, "pass"), (claims_one_by_one, "fail")])
def test_it_is_the_same_as_that_of_the_clean_run(function: Callable[..., Any], verdict: str, db: str) -> None:
    scenario = Scenario(Operation(function), metadata=Base.metadata, setup=two_jobs)
    report = prove.drill(scenario, db=db, faults=["kill-before", "kill-after"])
    assert (report.verdict, report.unknowns) == (verdict, ()), str(report)


def test_a_row_that_was_there_before_stays_as_it_is() -> None:
    """It may hold the same number by chance; and a longer number is another one."""
    table = Table(("id", "text"), ("id",), {}, ((1, "77"), (77, "host:77, 770")))
    seed, after = (State({"t": Table(("id", "text"), ("id",), {}, rows)}) for rows in (table.rows[:1], table.rows))
    run = Run(Schedule(), Ending(killed=True, process=77), (), after, after)
    own = os.getpid()
    found = as_of_this_process(run, seed)
    assert found.first.tables["t"].rows == found.second.tables["t"].rows == ((1, "77"), (own, f"host:{own}, 770"))
    here = Run(Schedule(), Ending(killed=True), (), after, after)
    assert as_of_this_process(here, seed) is here
