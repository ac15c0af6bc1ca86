"""Ctrl-C and cancellation while `atomic` waits: between two attempts, and between two questions about a COMMIT."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from contextlib import closing, suppress
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.run import CommitUnknown, course, drivers
from acidity.run.marker import Marker
from tests.run.bank import balances, move
from tests.run.test_outcome import conflict


def interrupt(_seconds: float) -> None:
    raise KeyboardInterrupt


def lose_commit(engine: Engine) -> None:
    """COMMIT is applied, and its answer is lost."""

    def lose(connection: Any) -> None:
        connection.connection.driver_connection.execute("COMMIT")
        connection.connection.driver_connection.close()

    event.listen(engine, "commit", lose)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The database answers no question about a COMMIT; how often it was asked."""
    asked: list[int] = []

    def refuse(self: Marker, engine: Engine) -> bool:
        asked.append(1)
        raise sqlite3.OperationalError("nobody there")

    monkeypatch.setattr(Marker, "committed", refuse)
    return asked


def test_between_two_attempts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "sleep", interrupt)
    begun: list[int] = []

    @atomic(engine, max_attempts=3)
    def unit(session: Session) -> None:
        begun.append(1)
        move(session, 10)
        raise conflict()

    with pytest.raises(KeyboardInterrupt):
        unit()
    assert len(begun) == 1
    assert balances(engine) == (100, 0)


def test_between_two_questions(engine: Engine, silent: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "sleep", interrupt)
    lose_commit(engine)
    with pytest.raises(KeyboardInterrupt) as caught, atomic(engine, resolve_commit=True) as session:
        move(session, 10)
    assert "unknown" in caught.value.__notes__[-1]
    assert len(silent) == 1


def test_in_a_question(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Marker, "committed", lambda marker, engine: interrupt(0))
    lose_commit(engine)
    with pytest.raises(KeyboardInterrupt) as caught, atomic(engine, resolve_commit=True) as session:
        move(session, 10)
    assert "unknown" in caught.value.__notes__[-1]


def test_a_task_between_two_attempts(tmp_path: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []

    async def go() -> None:
        waiting = asyncio.Event()

        async def forever(_seconds: float) -> None:
            assert not waiting.is_set(), "the cancellation was swallowed"
            waiting.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(drivers, "async_sleep", forever)
        asynchronous = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/bank.db")

        @atomic(asynchronous, max_attempts=3)
        async def unit(session: Any) -> None:
            begun.append(1)
            await session.run_sync(move, 10)
            raise conflict()

        task = asyncio.create_task(unit())
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asynchronous.dispose()

    asyncio.run(go())
    assert len(begun) == 1
    assert balances(engine) == (100, 0)


def test_a_cancelled_unit_gives_the_lock_of_sqlite_back(tmp_path: Any, engine: Engine) -> None:
    """At once, and not when garbage is collected: a connection that is closed with a statement half read keeps it."""
    place = tmp_path / "bank.db"

    async def go() -> None:
        asynchronous = create_async_engine(f"sqlite+aiosqlite:///{place}")
        async with asynchronous.connect():
            pass
        for turns in range(40):
            task = asyncio.create_task(atomic(asynchronous)(read_and_write)())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            with closing(sqlite3.connect(place, timeout=0, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
        await asynchronous.dispose()

    async def read_and_write(session: Any) -> None:
        for _ in range(3):
            await session.execute(text("SELECT * FROM accounts"))
            await session.run_sync(move, 1)

    gc.disable()
    try:
        asyncio.run(go())
    finally:
        gc.enable()
        gc.collect()


def test_a_commit_whose_own_task_never_begins(tmp_path: Any, engine: Engine) -> None:
    """Somebody cancels it as soon as it is made; what waits for it is woken all the same."""

    def stillborn(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        loop.set_task_factory(None)
        task = asyncio.Task(coroutine, loop=loop, **options)
        task.cancel()
        return task

    async def go() -> None:
        asynchronous = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/bank.db")

        @atomic(asynchronous)
        async def unit(session: Any) -> None:
            await session.run_sync(move, 10)
            asyncio.get_running_loop().set_task_factory(stillborn)

        with pytest.raises(CommitUnknown):
            await unit()
        await asynchronous.dispose()

    asyncio.run(go())
    assert balances(engine) == (100, 0)


def test_the_database_is_asked_for_so_many_seconds(engine: Engine, silent: list[int], waits: list[float]) -> None:
    """Seconds and not tries: a server that is down refuses connections at once, and comes back after a while."""
    lose_commit(engine)
    with pytest.raises(CommitUnknown), atomic(engine, resolve_commit=True) as session:
        move(session, 10)
    assert course.RESOLVE_S < sum(waits) < course.RESOLVE_S + 1.01
    assert len(silent) == len(waits) + 1


def test_a_server_that_comes_back(engine: Engine, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    really, asked = Marker.committed, []

    def committed(self: Marker, on: Engine) -> bool:
        asked.append(1)
        if sum(waits) < course.RESOLVE_S / 2:
            raise sqlite3.OperationalError("starting up")
        return really(self, on)

    monkeypatch.setattr(Marker, "committed", committed)
    lose_commit(engine)
    fresh = create_engine(engine.url)
    assert atomic(engine, resolve_commit=True)(lambda session: move(session, 10))() == {"success": True}
    assert balances(fresh) == (90, 10)
    fresh.dispose()
    assert len(asked) > 6
