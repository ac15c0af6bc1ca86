"""Callers that ask who they are: in serial orders, too, each has a thread or task of its own, with the same name."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from tests.tiers import SERVERS


class Base(DeclarativeBase):
    """Declarative base of the tables."""


class Job(Base):
    """To be claimed by one worker."""

    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    claimed_by: Mapped[str | None] = mapped_column(String(60))


class Lease(Base):
    """To be had by one worker at a time, and by that one as often as it likes."""

    __tablename__ = "leases"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str | None] = mapped_column(String(60))
    renewals: Mapped[int]


def two_jobs(session: Session) -> None:
    session.add_all([Job(id=1), Job(id=2)])


def free(session: Session) -> None:
    session.add(Lease(id=1, renewals=0))


NEXT = select(Job).where(Job.claimed_by.is_(None)).order_by(Job.id).limit(1).with_for_update()


def name() -> str:
    return threading.current_thread().name


def number() -> str:
    return f"worker-{threading.get_ident()}"


def claims(session: Session, who: Callable[[], str]) -> str:
    job, worker = session.scalars(NEXT).first(), who()
    if job is not None:
        job.claimed_by = worker
    session.commit()
    return worker


async def claims_as_task(session: AsyncSession) -> str:
    job, task = (await session.scalars(NEXT)).first(), asyncio.current_task()
    assert task is not None
    if job is not None:
        job.claimed_by = task.get_name()
    await session.commit()
    return task.get_name()


def takes(session: Session) -> str:
    lease, me = session.get_one(Lease, 1, with_for_update=True), str(threading.get_ident())
    if lease.owner not in {None, me}:
        session.rollback()
        return "somebody else has it"
    lease.owner, lease.renewals = me, lease.renewals + 1
    session.commit()
    return "mine"


CLAIMS = {
    "name": Operation(claims, name),
    "number": Operation(claims, number),
    "task": Operation(claims_as_task),
}


def explored(operation: Operation, db: str) -> Report:
    return prove.explore(Scenario(operation, metadata=Base.metadata, setup=two_jobs), db=db)


@pytest.mark.one_server
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize("worker", CLAIMS)
def test_who_claimed_it_is_no_anomaly(worker: str, db: str) -> None:
    """B may come first: then the first job is B's, as in the order B, A."""
    before = threading.active_count()
    report = explored(CLAIMS[worker], db)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
    assert threading.active_count() == before


@pytest.mark.parametrize("worker", CLAIMS)
def test_a_job_that_both_claim_is(worker: str) -> None:
    """SQLite has no FOR UPDATE. Not who claimed the first tells, but that nobody has the second."""
    report = explored(CLAIMS[worker], "sqlite")
    assert report.verdict == "fail"
    assert all("jobs id=2 is None" in finding.title for finding in report.findings), str(report)


FEW = (140000008192, 140000016384, 140000024576, 140000032768)


class FewNumbers:
    """Numbers that threads get from a few, as the system gives the number of one that has ended to another one.

    Args:
        turned: whether the first two that get any change theirs about, the first time; every other time they do.
    """

    def __init__(self, *, turned: bool) -> None:
        self._turned = turned
        self._given = {threading.main_thread(): 140000000000}

    def __call__(self) -> str:
        threading.get_ident()  # who asks for it has a thread of its own in serial orders
        me = threading.current_thread()
        if me not in self._given:
            threads = [each for each in threading.enumerate() if each is not threading.main_thread()]
            taken = {self._given[each] for each in threads if each in self._given}
            free = [number for number in FEW if number not in taken]
            self._turned ^= not taken
            self._given[me] = free[1 if self._turned and not taken else 0]
        return f"worker-{self._given[me]}"


@pytest.mark.parametrize("turned", ["in the first run", "in the second"])
def test_numbers_that_are_given_the_other_way_round_are_the_same(turned: str) -> None:
    """They are in as many rows as before: nothing is learnt from it, and nothing is unknown."""
    report = explored(Operation(claims, FewNumbers(turned=turned == "in the first run")), "sqlite")
    assert (report.verdict, report.unknowns) == ("fail", ()), str(report)
    assert all("jobs id=2 is None" in finding.title for finding in report.findings), str(report)


@pytest.mark.one_server
@pytest.mark.parametrize("db", SERVERS)
def test_one_after_the_other_are_two_as_well(db: str) -> None:
    """The second is not the owner in a serial order, either. A number that is another one in each run is left out."""
    scenario = Scenario(Operation(takes), metadata=Base.metadata, setup=free, ignore=["leases.owner"])
    report = prove.explore(scenario, db=db)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
