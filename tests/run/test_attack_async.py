"""The same attacks on async drivers, where code is written in another way: H5, H6, L3, L5, savepoints."""
# ruff: noqa: PT012 - a unit of work is a block, and what it refuses is in it

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from acidity import atomic, on_commit, savepoint
from acidity.run import BoundaryError, NoTransaction
from tests.run.attacked import Undo, add_to, drivers, plain_and_async
from tests.run.bank import ALICE, BOB

_, ASYNC = plain_and_async(drivers())
pytestmark = pytest.mark.parametrize("driver", ASYNC)


async def add(session: Any, account: int) -> None:
    await session.run_sync(add_to, account)


def run(bank: Any, work: Callable[[Any], Awaitable[None]]) -> None:
    """In a loop of its own, on an engine that has given all back in the end."""

    async def go() -> None:
        engine = bank.engine()
        await work(engine)
        assert engine.pool.checkedout() == 0
        await engine.dispose()

    asyncio.run(go())


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("leaving", ["well", "by an error"])
def test_h5_a_forked_child_cannot_end_the_unit_of_a_task(bank_of: Any, driver: str, leaving: str) -> None:
    """A child of a process whose loop runs can do little; it can leave the block."""
    bank = bank_of(driver)
    reading, writing = os.pipe()

    async def work(engine: Any) -> None:
        child, error = -1, None
        try:
            async with atomic(engine) as session:
                await add(session, ALICE)
                child = os.fork()
                if child:
                    os.waitpid(child, 0)  # noqa: ASYNC222 - nothing else is to run meanwhile
                    await add(session, BOB)
                elif leaving == "by an error":
                    raise Undo  # noqa: TRY301  # it leaves the block
        except BaseException as raised:
            error = raised
        finally:
            if child == 0:
                os.write(writing, type(error).__name__.encode())
                os._exit(0)

    run(bank, work)
    told = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert told == ("SharedUnit" if leaving == "well" else "Undo")
    assert bank.rows() == (110, 10)


def test_h6_a_kept_generator_surrounds_nobody(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)

    async def work(engine: Any) -> None:
        async def writes() -> AsyncIterator[int]:
            async with atomic(engine) as session:
                await add(session, ALICE)
                yield 1

        kept = writes()
        await anext(kept)
        with pytest.raises(BoundaryError, match=r"writes\(\) in"):
            async with atomic(engine):
                pass
        with pytest.raises(BoundaryError, match="suspended"):
            on_commit(print)
        assert [each async for each in kept] == []
        async with atomic(engine) as session:
            await add(session, BOB)

    run(bank, work)
    assert bank.rows() == (110, 10)


def test_h6_an_abandoned_generator_is_undone_by_the_loop(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)

    async def work(engine: Any) -> None:
        async def writes() -> AsyncIterator[int]:
            async with atomic(engine) as session:
                await add(session, ALICE)
                yield 1

        await anext(writes())
        gc.collect()
        await asyncio.sleep(0)  # the loop makes a task that closes it
        await asyncio.sleep(0)
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
        async with atomic(engine) as session:
            await add(session, BOB)

    run(bank, work)
    assert bank.rows() == (100, 10)


def test_l3_on_commit_inside_on_commit(bank_of: Any, driver: str) -> None:
    called: list[str] = []

    async def last() -> None:
        called.append("last")

    async def first() -> None:
        called.append("first")
        on_commit(last)

    async def work(engine: Any) -> None:
        async with atomic(engine):
            on_commit(first)
        with pytest.raises(NoTransaction):
            on_commit(first)

    run(bank_of(driver), work)
    assert called == ["first", "last"]


def test_l5_crossed_savepoints_get_an_error_of_ours(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)

    async def work(engine: Any) -> None:
        with pytest.raises(BoundaryError, match="inside this one"):
            async with atomic(engine) as session, savepoint() as outer, savepoint():
                await add(session, ALICE)
                await outer.rollback()
        with pytest.raises(BoundaryError):
            async with atomic(engine) as session:
                first, second = savepoint(), savepoint()
                await first.__aenter__()
                await second.__aenter__()
                await add(session, ALICE)
                await first.__aexit__(None, None, None)

    run(bank, work)
    assert bank.rows() == (100, 0)


def test_a_savepoint_goes_back_again_and_again(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)

    async def work(engine: Any) -> None:
        async with atomic(engine) as session, savepoint() as point:
            for _ in range(3):
                await add(session, ALICE)
                await point.rollback()
            with contextlib.suppress(Undo):
                async with savepoint():
                    await add(session, ALICE)
                    raise Undo
            await add(session, BOB)

    run(bank, work)
    assert bank.rows() == (100, 10)
