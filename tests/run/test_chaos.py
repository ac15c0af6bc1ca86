"""Eight writers, connections cut around COMMIT, a server that is killed: told and rows agree, or the harness says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic
from acidity.engines import new_sandbox
from tests.run import chaos
from tests.run.chaos import STUCK_S, WRITERS, Book, Transfer, move, suffer

KILLS = {"postgresql": ["kill", "kill-session"], "mariadb": ["kill"]}
SYNC = {"postgresql": "psycopg", "mariadb": "pymysql"}
ASYNC = {"postgresql": "asyncpg", "mariadb": "aiomysql"}


@pytest.fixture(autouse=True)
def waits() -> None:
    """Here, waits are waited."""


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = new_sandbox(request.param, {"acidity.server": "dedicated"})
    try:
        made.create(in_one, chaos.seed)
        yield made
    finally:
        made.close()


def in_one(engine: Engine) -> None:
    with engine.begin() as connection:
        chaos.schema(connection)


Unit = Callable[[Transfer], Any]


def resolving(what: Any, book: Book) -> Unit:
    """Found out by a marker that nobody else knows."""

    @atomic(what, resolve_commit=True, max_attempts=5, on_transition=book.transition)
    def unit(session: Session, transfer: Transfer) -> None:
        move(session, transfer)

    return unit


def keyed(what: Any, book: Book) -> Unit:
    """The caller has a key, and tries again until it is told."""

    @atomic(what, idempotency_key=lambda transfer: transfer.name, max_attempts=5, on_transition=book.transition)
    def unit(session: Session, transfer: Transfer) -> None:
        move(session, transfer)

    return unit


def serializable(what: Any, book: Book) -> Unit:
    """The same with a level that is set for each unit, and set back."""
    options = {"isolation_level": "SERIALIZABLE", "resolve_commit": True, "max_attempts": 8}

    @atomic(what, on_transition=book.transition, **options)
    def unit(session: Session, transfer: Transfer) -> None:
        move(session, transfer)

    return unit


def on_autocommit(engine: Any, book: Book) -> Unit:
    """On an engine that commits each statement by itself, if nobody asks for a level."""
    options = {"isolation_level": "SERIALIZABLE", "max_attempts": 8}
    beside = engine.execution_options(isolation_level="AUTOCOMMIT")

    @atomic(beside, resolve_commit=True, on_transition=book.transition, **options)
    def unit(session: Session, transfer: Transfer) -> None:
        move(session, transfer)

    return unit


def in_threads(*ways: Callable[[Any, Book], Unit]) -> Callable[[Book, URL], None]:
    """Writers that are threads, taking turns with these ways."""

    def work(book: Book, url: URL) -> None:
        engine = create_engine(url, pool_size=2 * WRITERS)
        units = [way(engine, book) for way in ways]

        def write(writer: int) -> None:
            again = ways[writer % len(ways)] is keyed
            for transfer in book.transfers(writer):
                for attempt in book.attempts(transfer, again=again):
                    book.up.wait(STUCK_S)
                    with attempt:
                        units[writer % len(units)](transfer)

        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write, range(WRITERS)))
        assert engine.pool.checkedout() == 0
        engine.dispose()

    return work


def in_tasks(book: Book, url: URL) -> None:
    """The same writers as tasks of one loop."""

    def coroutine(unit_of: Callable[..., Any], engine: Any, **options: Any) -> Any:
        @atomic(engine, max_attempts=5, on_transition=book.transition, **options)
        async def unit(session: Any, transfer: Transfer) -> None:
            await session.run_sync(move, transfer)

        return unit

    async def go() -> None:
        engine = create_async_engine(url, pool_size=2 * WRITERS)
        units = [
            coroutine(resolving, engine, resolve_commit=True),
            coroutine(keyed, engine, idempotency_key=lambda transfer: transfer.name),
        ]

        async def write(writer: int) -> None:
            for transfer in book.transfers(writer):
                for attempt in book.attempts(transfer, again=bool(writer % 2)):
                    if not book.up.is_set():
                        await asyncio.to_thread(book.up.wait, STUCK_S)
                    with attempt:
                        await units[writer % 2](transfer)

        await asyncio.gather(*map(write, range(WRITERS)))
        assert engine.pool.checkedout() == 0
        await engine.dispose()

    asyncio.run(go())


def plain(engine: Engine, _book: Book) -> Unit:
    """What SQLAlchemy's manual says."""
    maker = sessionmaker(engine)

    def unit(transfer: Transfer) -> None:
        with maker.begin() as session:
            move(session, transfer)

    return unit


def naive(engine: Engine, book: Book) -> Unit:
    """And what people put around it: when the connection is lost, once more."""
    once = plain(engine, book)

    def unit(transfer: Transfer) -> None:
        for _ in range(4):
            try:
                return once(transfer)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
        return once(transfer)

    return unit


SIZES = [pytest.param(20, 1, id="small"), pytest.param(200, 10, id="large", marks=pytest.mark.slow)]


def test_the_same_seed_repeats_the_plan() -> None:
    def plan(seed: int) -> tuple[Any, ...]:
        transfers = [next(Book(seed).transfers(writer)) for writer in range(WRITERS)]
        deck = chaos.Deck(seed)
        return transfers, [deck(b"COMMIT") for _ in range(50)]

    assert plan(7) == plan(7)
    assert plan(7) != plan(8)


@pytest.mark.parametrize(("cuts", "rounds"), SIZES)
def test_threads(sandbox: Any, cuts: int, rounds: int) -> None:
    name = sandbox.engine_name
    kills = KILLS[name] * rounds
    ways = in_threads(resolving, keyed, serializable, on_autocommit)
    verdict = suffer(sandbox, ways, cuts=cuts, kills=kills, number=1, driver=SYNC[name])
    assert not verdict.wrong, verdict


@pytest.mark.parametrize(("cuts", "rounds"), SIZES)
def test_tasks(sandbox: Any, cuts: int, rounds: int) -> None:
    name = sandbox.engine_name
    verdict = suffer(sandbox, in_tasks, cuts=cuts, kills=KILLS[name] * rounds, number=2, driver=ASYNC[name])
    assert not verdict.wrong, verdict


def test_a_naive_retry_is_caught(sandbox: Any) -> None:
    verdict = suffer(sandbox, in_threads(naive), cuts=12, number=3, driver=SYNC[sandbox.engine_name])
    assert any("committed and is there 2 times" in each for each in verdict.wrong), verdict


def test_a_plain_session_is_caught(sandbox: Any) -> None:
    verdict = suffer(sandbox, in_threads(plain), cuts=12, number=4, driver=SYNC[sandbox.engine_name])
    assert any("failed and is there 1 times" in each for each in verdict.wrong), verdict
