"""Threads that an operation starts, and work that it hands to an executor, are the operation's; what outlives it is not."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from importlib.util import find_spec
from logging.handlers import QueueListener
from multiprocessing.pool import ThreadPool
from queue import SimpleQueue
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from acidity import prove
from acidity.adapters.seam import Actor, Helper, PassThrough, acting, current_actor
from acidity.adapters.sqlalchemy.adapter import SqlAlchemyAdapter
from acidity.core.report import Report
from acidity.errors import ForeignDatabase
from acidity.prove.stage import helpers
from acidity.prove.stage.naps import Naps
from acidity.prove.stage.refusals import Refusals
from acidity.prove.stage.stage import Stage
from tests.engines.bank import bank, line_of
from tests.engines.clerk import Clerk
from tests.quality.drilled import drill
from tests.tiers import ENGINES, mostly_slow

needs_aiosqlite = pytest.mark.skipif(not find_spec("aiosqlite"), reason="needs aiosqlite")
Work = Callable[[Engine], None]

DEBIT = "UPDATE accounts SET balance = balance - 10 WHERE id = 1"
CREDIT = "UPDATE accounts SET balance = balance + 10 WHERE id = 2"


def moves(engine: Engine) -> None:
    """In one transaction."""
    with engine.begin() as connection:
        connection.execute(text(DEBIT))
        connection.execute(text(CREDIT))


def tears(engine: Engine) -> None:
    """In two."""
    for change in (DEBIT, CREDIT):
        with engine.begin() as connection:
            connection.execute(text(change))


def loses(engine: Engine) -> None:
    """Computes in Python what the database should compute."""
    with engine.begin() as connection:
        balance = connection.scalar(text("SELECT balance FROM accounts WHERE id = 1"))
        connection.execute(text("UPDATE accounts SET balance = :balance WHERE id = 1"), {"balance": balance - 10})


# Ways to have it done by somebody else


def in_a_thread(engine: Engine, work: Work) -> None:
    thread = threading.Thread(target=work, args=(engine,))
    thread.start()
    thread.join()


class Worker(threading.Thread):
    """Keeps what its work raised."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__()
        self.work, self.engine = arguments
        self.error: BaseException | None = None

    def run(self) -> None:
        """Called by `start`."""
        try:
            self.work(self.engine)
        except BaseException as error:
            self.error = error


def in_a_worker(engine: Engine, work: Work) -> None:
    worker = Worker(work, engine)
    worker.start()
    worker.join()
    if worker.error is not None:
        raise worker.error


def in_an_executor(engine: Engine, work: Work) -> None:
    with ThreadPoolExecutor(1) as pool:
        list(pool.map(work, [engine]))


def in_a_pool(engine: Engine, work: Work) -> None:
    with ThreadPool(1) as pool:
        pool.map(work, [engine])


POOL = ThreadPoolExecutor(2)


def in_an_executor_of_the_module(engine: Engine, work: Work) -> None:
    POOL.submit(work, engine).result()


def in_a_thread_of_a_thread(engine: Engine, work: Work) -> None:
    POOL.submit(in_a_worker, engine, work).result()


async def in_the_loops_executor(engine: Engine, work: Work) -> None:
    await asyncio.get_running_loop().run_in_executor(None, work, engine)


def in_a_loop_of_its_own(engine: Engine, work: Work) -> None:
    async def inner() -> None:
        await asyncio.to_thread(work, engine)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, inner()).result()


WAYS = [
    in_a_worker,
    in_an_executor,
    in_a_pool,
    in_an_executor_of_the_module,
    in_a_thread_of_a_thread,
    in_the_loops_executor,
    in_a_loop_of_its_own,
]
ways = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


def codes_of(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


@pytest.mark.few_or_all
@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@ways
def test_what_it_does_is_atomic_or_torn(way: Callable[..., Any], db: str) -> None:
    right, torn = (drill(bank(way, work), db=db) for work in (moves, tears))
    assert right.verdict == "pass", right
    assert torn.verdict == "fail"
    assert "ACI201" in codes_of(torn)


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@ways
def test_what_it_does_is_isolated_or_not(way: Callable[..., Any], db: str) -> None:
    right, lost = (prove.explore(bank(way, work), db=db) for work in (moves, loses))
    assert right.verdict == "pass", right
    assert [finding.anomaly for finding in lost.findings] == ["lost update"]


def test_who_waits_for_a_thread_of_his_own_that_works_waits_for_nobody() -> None:
    """Nothing is said of a lock."""

    def works_for_a_while(engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text("SELECT balance FROM accounts WHERE id = 1"))
            until = time.monotonic() + 0.05
            while time.monotonic() < until:
                sum(range(1000))
            connection.execute(text(DEBIT))

    report = prove.explore(bank(in_a_worker, works_for_a_while))
    assert report.verdict == "pass"
    assert "a lock, a pool" not in str(report)


@pytest.mark.slow
@pytest.mark.parametrize("db", ENGINES)
@ways
def test_the_same_among_processes(way: Callable[..., Any], db: str) -> None:
    """A process that waits for a thread of its own waits for nobody else."""
    right, lost = (prove.explore(bank(way, work), db=db, actors="processes") for work in (moves, loses))
    assert right.verdict == "pass", right
    assert [finding.anomaly for finding in lost.findings] == ["lost update"]


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
def test_what_a_thread_raises_reaches_nobody(db: str) -> None:
    """So the caller is told that all went well."""
    report = drill(bank(in_a_thread, moves), db=db)
    assert report.verdict == "fail"
    assert "ACI203" in codes_of(report)


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
def test_nobody_waits_for_it(db: str) -> None:
    """An operation has ended when what it started has; the caller is told too early that all went well."""

    def forgets(engine: Engine) -> None:
        threading.Thread(target=moves, args=(engine,)).start()

    report = drill(bank(forgets), db=db)
    assert report.verdict == "fail"
    assert codes_of(report) == {"ACI203"}, report


@pytest.mark.dear
def test_however_long_it_takes() -> None:
    """It makes no call for a while, and is not over."""

    def forgets(engine: Engine) -> None:
        def pauses() -> None:
            with engine.begin() as connection:
                balance = connection.scalar(text("SELECT balance FROM accounts WHERE id = 1"))
                time.sleep(0.2)
                connection.execute(text("UPDATE accounts SET balance = :it WHERE id = 1"), {"it": balance - 10})

        threading.Thread(target=pauses).start()

    (finding,) = prove.explore(bank(forgets)).findings
    assert finding.anomaly == "lost update"


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
def test_what_does_not_end_makes_it_unknown(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it does later, nobody sees it."""
    monkeypatch.setattr(helpers, "PATIENCE_S", 0.1)
    over = threading.Event()

    def goes_on(engine: Engine) -> None:
        threading.Thread(target=over.wait, daemon=True).start()  # it goes on
        moves(engine)

    try:
        reports = drill(bank(goes_on), db=db), prove.explore(bank(goes_on), db=db)
    finally:
        over.set()
    for report in reports:
        assert report.verdict == "unknown"
        assert f"test_helpers.py:{line_of(goes_on, 'it goes on')} is still at work 0.1 s after" in str(report.unknowns)


def test_threads_of_a_library_may_go_on() -> None:
    """They serve whoever comes, as that of a logger; were they to make calls later, that would be noticed."""
    listeners: list[QueueListener] = []

    def logs(engine: Engine) -> None:
        listeners.append(QueueListener(SimpleQueue()))
        listeners[-1].start()
        moves(engine)

    report = drill(bank(logs))
    for listener in listeners:
        listener.stop()
    assert report.verdict == "pass", report


def test_a_hook_of_the_program_hears_what_a_thread_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[BaseException] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: heard.append(arguments.exc_value))

    def raises_again(engine: Engine) -> None:
        heard.clear()
        in_a_thread(engine, moves)
        if heard:
            raise heard[0]

    report = drill(bank(raises_again))
    assert report.verdict == "pass", report


@pytest.mark.slow
def test_a_method_of_a_driver_may_be_all_that_a_thread_does() -> None:
    def operation(dsn: str) -> None:
        import psycopg

        with psycopg.connect(dsn) as connection:
            connection.execute(DEBIT)
            thread = threading.Thread(target=connection.commit)
            thread.start()
            thread.join()

    report = drill(bank(operation), db="postgresql")
    assert report.verdict == "fail"
    assert "ACI203" in codes_of(report)


# Kills, signals and cancellations


@pytest.mark.parametrize("way", [in_an_executor_of_the_module, in_the_loops_executor])
def test_an_executor_outlives_a_fork(way: Callable[..., Any]) -> None:
    """Its threads do not: who is killed makes new ones."""
    moves_first = prove.drill(bank(way, moves), faults=["kill-before"], remedies=False)
    assert moves_first.verdict == "pass", moves_first
    assert moves_first.runs == 3


async def in_another_loop(engine: Engine, _work: Work) -> None:
    """A call of a coroutine, in a loop that is not the one of the operation."""
    url = engine.url.set(drivername="sqlite+aiosqlite")

    async def inner() -> None:
        other = create_async_engine(url)
        async with other.begin() as connection:
            await connection.execute(text(DEBIT))
        await other.dispose()

    await asyncio.get_running_loop().run_in_executor(None, asyncio.run, inner())


@pytest.mark.parametrize(
    ("way", "fault"),
    [
        (in_an_executor, "keyboard-interrupt"),
        (in_the_loops_executor, "cancelled"),
        pytest.param(in_another_loop, "cancelled", marks=needs_aiosqlite),
    ],
)
def test_a_thread_is_neither_interrupted_nor_cancelled(way: Callable[..., Any], fault: str) -> None:
    report = prove.drill(bank(way, moves), faults=[fault], remedies=False)
    assert report.verdict == "unknown"  # nothing was struck
    assert "in a thread" in str(report)


# What is nobody's


def test_a_thread_that_serves_whoever_comes_is_nobodys() -> None:
    with Clerk() as clerk:
        report = drill(bank(lambda engine: clerk.do(moves, engine)))
    assert report.verdict == "unknown"
    assert "statement by a thread or task that belongs to no operation" in report.unknowns[0]


def test_a_thread_that_outlives_its_run_is_nobodys_in_the_next() -> None:
    """It was started by the first run, and knows its context; what it does later is not that run's any more."""
    clerk = Clerk()

    def partly(engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text(DEBIT))
        clerk.do(lambda: engine.connect().execute(text(CREDIT)).connection.commit())

    try:
        report = drill(bank(partly))
    finally:
        clerk.__exit__()
    assert report.verdict == "unknown"
    assert "by a thread or task that belongs to no operation" in report.unknowns[0]


def test_no_other_variable_is_handed_on() -> None:
    """A program must find what it would find without a check."""
    theirs: ContextVar[str] = ContextVar("theirs", default="")
    actor, found = Actor("A", PassThrough()), list[Any]()

    def work() -> None:
        found.append((current_actor(), theirs.get()))

    theirs.set("of who starts it")
    with helpers.handing_on([actor]), acting(actor), ThreadPoolExecutor(1) as pool:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        pool.submit(work).result()
    with acting(actor):
        work()
    assert found == [(actor, ""), (actor, ""), (None, "of who starts it")]
    assert not actor.helpers


def test_a_helper_sleeps_as_long_as_it_says() -> None:
    """It may watch over the time of others."""
    naps, actor = Naps(), Actor("A", PassThrough())
    with acting(actor):
        actor.helpers["beside"] = Helper(threading.current_thread())
        assert not naps.skips(5)
        actor.helpers.clear()
        assert naps.skips(5)
    naps.unwatch()


def test_engines_that_each_run_makes_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run would meet all those before, and a drill would take the square of its runs."""
    counted: list[int] = []
    forget = SqlAlchemyAdapter.forget

    def counting(adapter: SqlAlchemyAdapter) -> None:
        counted.append(len(adapter.engines))
        forget(adapter)

    def operation(url: str) -> None:
        moves(create_engine(make_url(url)))

    monkeypatch.setattr(SqlAlchemyAdapter, "forget", counting)
    scenario = bank(operation)
    with Stage(scenario, "sqlite", {}) as stage:
        for _ in range(8):
            stage.run(scenario.operations[0], PassThrough())
            stage.adapters.forget()
    assert max(counted) <= 3


def test_what_a_run_has_left_behind_is_refused_and_blamed_on_nobody() -> None:
    """It opens what was its database, which is gone when another check has begun."""
    actor, refusals = Actor("A", PassThrough(), over=True), Refusals()
    with acting(actor), pytest.raises(ForeignDatabase):
        refusals.refuse_driver("sandbox.db")
    refusals.raise_first()  # there is nothing to raise
    with pytest.raises(ForeignDatabase):
        refusals.refuse_driver("theirs.db")
    with pytest.raises(ForeignDatabase):
        refusals.raise_first()
