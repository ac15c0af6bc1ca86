"""Eight writers, four of them forked, connections cut around COMMIT, a server that is killed: told and rows agree, or the harness says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import sessionmaker

from acidity.engines import new_sandbox
from acidity.run.boundary import Boundary
from tests.run import chaos, writers
from tests.run.chaos import WRITERS, Book, Transfer, move, suffer
from tests.run.writers import Unit, in_tasks, in_threads, write

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


def in_threads_of(way: Callable[[Engine, Book], Unit]) -> Callable[[Book, URL], None]:
    """Writers that are threads, and do without `atomic`."""

    def work(book: Book, url: URL) -> None:
        engine = create_engine(url, pool_size=2 * WRITERS)
        unit = way(engine, book)
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda writer: write(book, writer, unit, again=False), range(WRITERS)))
        engine.dispose()

    return work


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


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(("cuts", "rounds"), SIZES)
def test_threads(sandbox: Any, cuts: int, rounds: int) -> None:
    name = sandbox.engine_name
    kills = KILLS[name] * rounds
    verdict = suffer(sandbox, in_threads, cuts=cuts, kills=kills, number=1, driver=SYNC[name])
    assert not verdict.wrong, verdict


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(("cuts", "rounds"), SIZES)
def test_tasks(sandbox: Any, cuts: int, rounds: int) -> None:
    name = sandbox.engine_name
    verdict = suffer(sandbox, in_tasks, cuts=cuts, kills=KILLS[name] * rounds, number=2, driver=ASYNC[name])
    assert not verdict.wrong, verdict


@pytest.mark.dear
@pytest.mark.one_engine
def test_a_naive_retry_is_caught(sandbox: Any) -> None:
    verdict = suffer(sandbox, in_threads_of(naive), cuts=12, number=3, driver=SYNC[sandbox.engine_name])
    assert any("committed and is there 2 times" in each for each in verdict.wrong), verdict


@pytest.mark.dear
def test_a_plain_session_is_caught(sandbox: Any) -> None:
    verdict = suffer(sandbox, in_threads_of(plain), cuts=12, number=4, driver=SYNC[sandbox.engine_name])
    assert any("failed and is there 1 times" in each for each in verdict.wrong), verdict


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_that_ends_its_parents_unit_is_caught(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "FORKS_EVERY", 1)
    monkeypatch.setattr(Boundary, "is_inherited", False)
    monkeypatch.setattr(Boundary, "refuse_stranger", lambda unit: None)
    verdict = suffer(sandbox, in_threads, cuts=12, number=5, driver=SYNC[sandbox.engine_name])
    assert any("was told committed and is there" in each for each in verdict.wrong), verdict
