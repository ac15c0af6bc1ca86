"""Callers in processes of their own, which share no lock of the program, and leave nothing behind."""

from __future__ import annotations

import asyncio
import fcntl
import multiprocessing
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Report
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from tests.quality.callers import Account, at_once, twice, withdraw, withdraw_guarded
from tests.tiers import ENGINES

LOCK = threading.Lock()
LOCKS: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
POSTGRESQL = create_engine("postgresql+psycopg://nobody@localhost/none", pool_size=1, max_overflow=0)
MARIADB = create_engine("mariadb+pymysql://nobody@localhost/none", pool_size=1, max_overflow=0)
OF_PROCESSES = multiprocessing.Lock()
FILE = ""
MEETS = "ac1:A.B3.A2"  # B goes all the way after A has read
on_each_engine = pytest.mark.parametrize("db", ENGINES)


def withdraw_in_lock(session: Session) -> None:
    """A lock of the program keeps the threads of one process apart."""
    with LOCK:
        withdraw(session, 10)


async def withdraw_in_async_lock(async_session: AsyncSession) -> None:
    """One lock for each account."""
    async with LOCKS[1]:
        account = await async_session.get_one(Account, 1)
        account.balance -= 10
        await async_session.commit()


def withdraw_in_file_lock(session: Session) -> None:
    """A lock that all processes of a machine share."""
    with Path(FILE).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        withdraw(session, 10)


def apart(scenario: Scenario, schedule: str = MEETS, **options: Any) -> Report:
    """One schedule of callers in processes of their own."""
    return prove.replay_together(scenario, schedule, actors="processes", **options)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> set[int]:
    """The processes of this one, those that have ended and that nobody has waited for among them."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = place.read_text(encoding="utf-8").rpartition(")")
            if "python" in name and int(rest.split()[1]) == os.getpid():
                found.add(int(place.parent.name))
    return found


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> Iterator[None]:
    """No process of an actor; and each test has locks of its own, which belong to a loop."""
    before = children()
    LOCKS.clear()
    yield
    assert children() <= before


def over_one_connection(name: str) -> None:
    """There is one connection for all threads, and one for each worker."""
    with Session(globals()[name]) as session:
        withdraw(session, 10)


@pytest.mark.dear
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.one_server
def test_a_pool_of_one_keeps_no_two_workers_apart(db: str) -> None:
    scenario = at_once(*[Operation(over_one_connection, db.upper())] * 2, bind=f"{__name__}:{db.upper()}")
    together = prove.explore(scenario, db=db)
    assert (together.verdict, together.unknowns) == ("pass", ()), str(together)
    assert "--actors processes is worth it" in together.headline
    assert [finding.anomaly for finding in apart(scenario, db=db).findings] == ["lost update"]


@pytest.mark.dear
@on_each_engine
@pytest.mark.one_server
@pytest.mark.parametrize("operation", [withdraw_in_lock, withdraw_in_async_lock])
def test_a_lock_of_the_program_keeps_no_two_workers_apart(db: str, operation: Any) -> None:
    together = prove.explore(twice(operation), db=db)
    assert (together.verdict, together.unknowns) == ("pass", ()), str(together)
    assert "--actors processes is worth it" in together.headline
    assert "test_explore_processes.py:" in together.headline
    report = apart(twice(operation), db=db)
    assert [finding.anomaly for finding in report.findings] == ["lost update"], str(report)
    assert report.headline.startswith("2 callers in processes of their own")
    (finding,) = report.findings
    assert "--actors processes" in finding.replay
    assert [move.actor for move in finding.lanes] == list("ABBBAA")
    assert finding.title == "10 is too much in accounts id=1: balance is 90, and 80 after A then B"


@pytest.mark.dear
@on_each_engine
@pytest.mark.one_server
def test_what_the_database_keeps_apart_passes(db: str) -> None:
    report = prove.explore(
        at_once(*[Operation(withdraw_guarded, each) for each in (10, 20)]), db=db, actors="processes"
    )
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
    assert report.runs > 1
    assert "worth it" not in report.headline


@pytest.mark.dear
def test_a_lock_that_processes_share_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.FILE", str(tmp_path / "lock"))
    report = prove.explore(twice(withdraw_in_file_lock), actors="processes")
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)


def withdraw_under_half_a_lock(engine: Engine) -> None:
    """It is let go before COMMIT."""
    with engine.connect() as connection:
        with OF_PROCESSES:
            balance = connection.scalar(select(Account.balance).where(Account.id == 1))
            connection.execute(update(Account).where(Account.id == 1).values(balance=balance - 10))
        connection.commit()


@pytest.mark.dear
def test_a_lock_that_processes_share_is_not_kept_by_one_that_was_ended() -> None:
    """A run that cannot be made, here since the lock is taken, ends its callers; killed ones would keep it for ever."""
    report = prove.explore(twice(withdraw_under_half_a_lock), db="postgresql", actors="processes")
    assert [finding.anomaly for finding in report.findings] == ["lost update"], str(report)
    assert prove.replay_together(twice(withdraw_under_half_a_lock), MEETS, db="postgresql", actors="processes").unknowns
    assert OF_PROCESSES.acquire(block=False)
    OF_PROCESSES.release()


@pytest.mark.slow
@on_each_engine
def test_every_schedule_as_in_threads(db: str) -> None:
    scenario = at_once(*[Operation(withdraw, 10)] * 2)
    one, other = (prove.explore(scenario, db=db, actors=actors) for actors in ("threads", "processes"))
    assert (other.verdict, other.runs, other.unknowns) == (one.verdict, one.runs, one.unknowns)
    assert [(str(each.schedule), each.title) for each in other.findings] == [
        (str(each.schedule), each.title) for each in one.findings
    ]


@pytest.mark.dear
def test_descriptors_are_closed() -> None:
    apart(twice(withdraw_in_lock))
    before = descriptors()
    apart(twice(withdraw_in_lock))
    assert descriptors() == before


# What does not end well


def killed(session: Session) -> None:
    session.get_one(Account, 1)
    os.kill(os.getpid(), signal.SIGKILL)


def killed_beside_another(session: Session) -> None:
    """Only in a process of its own."""
    if os.getpid() != CONTROLLER:
        killed(session)
    withdraw(session, 10)


def endless(session: Session) -> None:
    while os.getpid() != CONTROLLER:
        pass
    withdraw(session, 10)


def interrupts(session: Session) -> None:
    """The user presses Ctrl-C while one caller is in its program and the other one at its gate."""
    session.get_one(Account, 1)
    if os.getpid() != CONTROLLER:
        os.kill(CONTROLLER, signal.SIGINT)
        signal.pause()
    session.rollback()


CONTROLLER = os.getpid()


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.CONTROLLER", os.getpid())


@pytest.mark.usefixtures("controller")
def test_a_process_that_dies_is_unknown() -> None:
    report = apart(twice(killed_beside_another))
    assert report.verdict == "unknown"
    assert "the process of A has died" in report.unknowns[0]


@pytest.mark.dear
@pytest.mark.usefixtures("controller")
def test_one_that_does_not_end_is_killed() -> None:
    began = time.monotonic()
    report = apart(twice(endless), run_timeout=0.5)
    assert report.verdict == "unknown", str(report)
    assert time.monotonic() - began < 0.5 + 2, str(report)


@pytest.mark.usefixtures("controller")
def test_ctrl_c_ends_all_of_them() -> None:
    with pytest.raises(prove.Interrupted) as stopped:
        prove.explore(twice(interrupts), actors="processes")
    assert stopped.value.report.verdict == "unknown"


def test_another_word_is_refused() -> None:
    with pytest.raises(UsageError, match="actors= is one of"):
        prove.explore(twice(withdraw_in_lock), actors="greenlets")  # type: ignore[arg-type]
