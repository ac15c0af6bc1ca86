"""Effects beside other callers: they have an order of their own, and may come before or after what others commit."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from importlib import import_module
from uuid import uuid4

import pytest
from sqlalchemy import String, insert, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Retry, Scenario
from acidity.prove.explore.classes.relation import Relation
from tests.quality import callers, outside
from tests.tiers import ENGINES, SERVERS

on_each_engine = pytest.mark.parametrize("db", ENGINES)
on_servers = pytest.mark.parametrize("db", SERVERS)


class Base(DeclarativeBase):
    """Declarative base of one parcel."""


class Parcel(Base):
    """What is sent under a key; whoever sees it on its way may promise it to somebody."""

    __tablename__ = "parcels"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str | None] = mapped_column(String(40))
    on_its_way: Mapped[bool] = mapped_column(default=False)
    promised: Mapped[bool] = mapped_column(default=False)
    seen: Mapped[str | None] = mapped_column(String(40))


class Letter(Base):
    """Written by somebody else."""

    __tablename__ = "letters"
    id: Mapped[int] = mapped_column(primary_key=True)


class Carrier:
    """Takes parcels, and says which it has; a new key each time."""

    def __init__(self) -> None:
        self.has: set[str] = set()

    def take(self, key: str) -> None:
        CARRIED.add(key)

    def lists(self, key: str) -> bool:
        return key in CARRIED


CARRIED: set[str] = set()
carrier = Carrier()


def seed(session: Session) -> None:
    session.add(Parcel(id=1))


def what_is_promised_was_sent(session: Session) -> bool:
    parcel = session.get_one(Parcel, 1)
    return not parcel.promised or parcel.key in CARRIED


def note(engine: Engine, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(update(Parcel).where(Parcel.id == 1).values(**values))


def hurried(engine: Engine) -> None:
    """It is on its way before it is handed over."""
    key = str(uuid4())
    note(engine, key=key, on_its_way=True)
    carrier.take(key)
    note(engine, on_its_way=False)


def careful(engine: Engine) -> None:
    key = str(uuid4())
    carrier.take(key)
    note(engine, key=key, on_its_way=True)
    note(engine, on_its_way=False)


def promise(engine: Engine) -> None:
    note(engine, promised=Parcel.on_its_way)


def copied(engine: Engine) -> None:
    """Its key is to be seen while it is on its way alone."""
    key = str(uuid4())
    note(engine, key=key)
    note(engine, key=None)


def copies(engine: Engine) -> None:
    note(engine, seen=Parcel.key)


def asks_carrier(engine: Engine) -> None:
    key = str(uuid4())
    carrier.take(key)
    if carrier.lists(key):
        note(engine, on_its_way=True)


def scenario(*operations: Callable[..., object] | Operation, **options: object) -> Scenario:
    given: dict[str, object] = {"metadata": Base.metadata, "setup": seed, "effects": [carrier.take]}
    return Scenario(*operations, **given | options)  # type: ignore[arg-type]


def several(*operations: Callable[..., object]) -> Scenario:
    return scenario(*operations, commits="several", invariants=[what_is_promised_was_sent])


def searched(report: Report) -> str:
    return next(bound.note for bound in report.bounds if bound.name.endswith("schedules"))


@pytest.mark.slow
@on_each_engine
def test_somebody_comes_between_a_commit_and_the_effect_after_it(db: str) -> None:
    wrong, right = (prove.explore(several(each, promise), db=db) for each in (hurried, careful))
    assert (wrong.verdict, [finding.code for finding in wrong.findings]) == ("fail", ["ACI318"])
    assert (right.verdict, right.unknowns) == ("pass", ())
    assert "of each class" in searched(right)
    assert "with effects" in searched(right)


@pytest.mark.slow
@on_each_engine
def test_a_random_value_that_no_whole_order_shows_is_masked_all_the_same(db: str) -> None:
    """Where commits are several, an order of transactions gives it; where one is meant, none does, and it is found."""
    meant = scenario(copied, copies, commits="several", invariants=[what_is_promised_was_sent], effects=[])
    report = prove.explore(meant, db=db)
    assert (report.verdict, report.unknowns, [finding.code for finding in report.findings]) == ("pass", (), ["ACI318"])
    assert "parcels.seen" in str(report)
    report = prove.explore(scenario(copied, copies, effects=[]), db=db)
    assert (report.verdict, report.unknowns) == ("fail", ())


@pytest.mark.slow
@on_servers
def test_without_the_order_of_commits_and_effects_it_is_missed(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No order of transactions is run beforehand, which would show it by chance."""
    monkeypatch.setattr(import_module("acidity.prove.explore.explore"), "ORDERS_FIRST", 0)
    assert prove.explore(several(hurried, promise), db=db).verdict == "fail"
    kept = Relation.with_commits_in_order
    monkeypatch.setattr(Relation, "with_commits_in_order", lambda self: kept(self).without("commit_meets_effect"))
    assert prove.explore(several(hurried, promise), db=db).verdict == "pass"


def test_where_what_is_behind_an_effect_is_asked_for_in_another_way_every_order_is_run() -> None:
    report = prove.explore(scenario(asks_carrier, promise))
    assert (report.verdict, "every sequence of Calls" in searched(report)) == ("pass", True)


# Effects that ask the database, that are called in tasks, and in processes


def writes_a_letter(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Letter))


def with_a_letter(engine: Engine) -> None:
    note(engine, on_its_way=True)
    writes_a_letter(engine)


def test_of_an_effect_that_asks_the_database_every_order_is_run() -> None:
    report = prove.explore(scenario(with_a_letter, with_a_letter, effects=[writes_a_letter]))
    assert (report.verdict, "within an effect" in searched(report)) == ("pass", True)


async def in_a_task(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        number = outside.tell()
        await connection.execute(update(Parcel).where(Parcel.id == 1).values(on_its_way=number >= 0))


async def tell_later() -> int:
    return outside.tell()


async def in_a_task_of_its_own(engine: AsyncEngine) -> None:
    await tell_later()
    async with engine.begin() as connection:
        await connection.execute(select(Letter))
        await connection.execute(update(Parcel).where(Parcel.id == 1).values(on_its_way=True))


def test_a_function_that_lets_nobody_else_go_on_belongs_to_the_call_before_it() -> None:
    """A task that calls it cannot wait for its turn."""
    report = prove.explore(scenario(in_a_task, in_a_task, effects=[outside.tell]))
    assert (report.verdict, report.unknowns) == ("pass", ())


def test_a_coroutine_waits_for_its_turn() -> None:
    report = prove.explore(scenario(in_a_task_of_its_own, in_a_task_of_its_own, effects=[tell_later]))
    assert (report.verdict, report.unknowns) == ("pass", ())


def tells(engine: Engine) -> None:
    outside.tell()
    note(engine, on_its_way=True)


@pytest.mark.slow
@on_servers
def test_in_a_process_of_its_own_a_caller_waits_before_an_effect(db: str) -> None:
    report = prove.explore(scenario(tells, promise, effects=[outside.tell]), db=db, actors="processes")
    assert (report.verdict, report.unknowns) == ("pass", ())


OPENED: list[int] = []


def enter() -> None:
    """Wait at the door until nobody is inside."""
    OPENED.append(os.open(__file__, os.O_RDONLY))
    fcntl.flock(OPENED[-1], fcntl.LOCK_EX)


def leave() -> None:
    os.close(OPENED.pop())


def inside(engine: Engine) -> None:
    enter()
    with engine.connect() as connection:
        connection.execute(select(Parcel.on_its_way))
        connection.execute(update(Parcel).where(Parcel.id == 1).values(on_its_way=True))
        connection.commit()
    leave()


@pytest.mark.slow
@on_servers
def test_in_a_process_of_its_own_a_caller_may_wait_within_an_effect(db: str) -> None:
    report = prove.explore(scenario(inside, inside, effects=[enter, leave]), db=db, actors="processes")
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)


def pays(session: Session) -> None:
    account = session.get_one(callers.Account, 1)
    outside.tell()
    account.balance -= 10
    session.commit()


@pytest.mark.one_server
@on_servers
def test_what_an_attempt_did_that_was_turned_away_is_said(db: str) -> None:
    """Nothing was lost: what the attempt had read is for nothing, and only what is outside has come twice."""
    made = {"metadata": callers.Base.metadata, "setup": callers.seed, "effects": [outside.tell]}
    scenario = Scenario(Operation(pays, retry=Retry(max_attempts=3)), **made)
    report = prove.explore(scenario, db=db, isolation_level="SERIALIZABLE")
    (finding,) = [each for each in report.findings if each.severity == "error"]
    assert (finding.anomaly, finding.title) == ("", "tell took place 3 times, and twice after A then B")
    assert "take place before the database turned it away, and once more when it tried again" in finding.explanation[0]
