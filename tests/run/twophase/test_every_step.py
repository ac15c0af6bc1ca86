"""Struck at every step, in every way, in plain and async code: all databases have the change, or none."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import text

from acidity.engines.mariadb import server as mariadb
from acidity.engines.postgresql import server as postgresql
from acidity.run import two_phase
from tests.run.twophase.conftest import pair_on
from tests.run.twophase.faults import Case, Strike, is_there, judge, problems

NUMBERS = itertools.count(1)


def write(session: Any, number: int) -> None:
    session.execute(text("INSERT INTO work VALUES (:id)"), {"id": number})
    session.execute(text("UPDATE total SET n = n + 1"))


def checkout(engines: Any, number: int, **options: Any) -> None:
    @two_phase(**engines, **options)
    def unit(sessions: Any) -> None:
        for session in sessions.values():
            write(session, number)

    unit()


def retried(engines: Any, number: int) -> None:
    checkout(engines, number, max_attempts=3)


def in_a_block(engines: Any, number: int) -> None:
    with two_phase(**engines) as sessions:
        for session in sessions.values():
            write(session, number)


async def checkout_async(engines: Any, number: int) -> None:
    async with two_phase(**engines) as sessions:
        for session in sessions.values():
            await session.run_sync(write, number)


def case(pair: Any, program: Any, **options: Any) -> Case:
    return Case(pair.urls, pair.async_urls, program, numbers=NUMBERS, **options)


def test_killed_at_every_step(pair_of: Any) -> None:
    pair = pair_of("postgresql", "mariadb")
    assert problems(case(pair, checkout), pair.engines, ()) == []


def test_cut_at_every_step(pair_of: Any) -> None:
    pair = pair_of("mariadb", "mariadb")
    assert problems(case(pair, checkout), pair.engines, ("cut-after",), kill=False) == []


def test_async_cut_at_every_step(pair_of: Any) -> None:
    pair = pair_of("mariadb", "postgresql+asyncpg")
    assert problems(case(pair, checkout_async, asynchronous=True), pair.engines, ("cut-after",), kill=False) == []


@pytest.mark.slow
def test_in_every_way_at_every_step(pair: Any) -> None:
    assert problems(case(pair, checkout), pair.engines) == []


@pytest.mark.slow
@pytest.mark.parametrize("program", [retried, in_a_block])
def test_other_forms(pair_of: Any, program: Any) -> None:
    pair = pair_of("postgresql", "mariadb")
    assert problems(case(pair, program), pair.engines) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", ["mariadb", "sqlite", "postgresql+asyncpg"])
@pytest.mark.parametrize("second", ["mariadb", "postgresql+asyncpg"])
def test_async_in_every_way(pair_of: Any, first: str, second: str) -> None:
    pair = pair_of(first, second)
    assert problems(case(pair, checkout_async, asynchronous=True), pair.engines) == []


@pytest.mark.slow
def test_psycopg2(pair_of: Any) -> None:
    pair = pair_of("postgresql+psycopg2", "postgresql+psycopg2")
    assert problems(case(pair, checkout), pair.engines) == []


@pytest.mark.slow
@pytest.mark.parametrize("step", ["do_commit", "do_commit_twophase"])
@pytest.mark.parametrize("start", [postgresql.start, mariadb.start], ids=["postgresql", "mariadb"])
def test_the_server_of_a_prepared_branch_crashes(start: Any, step: str) -> None:
    with start(dedicated=True) as server, pair_on("postgresql", server.url()) as pair:
        judged = case(pair, checkout)
        dry = Strike(10**6, "kill")
        judged.told(dry, next(NUMBERS))
        number, strike = next(NUMBERS), Strike(dry.steps.index(step) + 1, lambda _: server.restart())
        assert judged.told(strike, number) == "ok"
        assert list(judge(judged, pair.engines, number, "ok")) == []
        assert all(is_there(engine, number) for engine in pair.engines.values())
