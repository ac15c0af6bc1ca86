"""Tasks, groups, cancellations and async generators that share or leak a unit."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from acidity import atomic, on_commit, savepoint
from tests.run.stranger.place import (
    ASYNC,
    BoomError,
    Place,
    Program,
    Programs,
    write,
)

PROGRAMS = Programs()


async def put(session: Any, number: int) -> None:
    await session.execute(text(f"INSERT INTO t VALUES ({number})"))


def asynchronous(*afterwards: int) -> Callable[[Any], Any]:
    """Add a coroutine function that is given an engine; each runs in a loop of its own."""

    def add(function: Callable[[Any], Awaitable[None]]) -> Any:
        def run(place: Place) -> None:
            async def go() -> None:
                engine = create_async_engine(place.url, poolclass=NullPool)
                try:
                    await asyncio.wait_for(function(engine), 10)
                finally:
                    await engine.dispose()

            asyncio.run(go())

        PROGRAMS.append(Program(function.__name__, ASYNC, run, {*afterwards} or None))
        return function

    return add


@asynchronous()
async def gathered(engine: Any) -> None:
    async with atomic(engine) as session:
        await asyncio.gather(put(session, 1), put(session, 2))


@asynchronous()
async def task_uses(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await asyncio.create_task(put(session, 2))


@asynchronous()
async def task_joins(engine: Any) -> None:
    async def joins() -> None:
        async with atomic(engine) as inner:
            await put(inner, 3)

    async with atomic(engine) as session:
        await put(session, 1)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.create_task(joins()), 3)
        raise BoomError


@asynchronous(1)
async def task_outlives(engine: Any) -> None:
    go = asyncio.Event()

    async def later(session: Any) -> None:
        await go.wait()
        await put(session, 2)

    async with atomic(engine) as session:
        await put(session, 1)
        task = asyncio.create_task(later(session))
    go.set()
    await task


@asynchronous()
async def task_commits(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await asyncio.create_task(session.commit())
        await put(session, 2)
        raise BoomError


@asynchronous()
async def waited(engine: Any) -> None:
    """On 3.11 and before, ``wait_for`` runs what it is given in a task of its own."""
    async with atomic(engine) as session:
        await put(session, 1)
        await asyncio.wait_for(put(session, 2), 5)


@asynchronous()
async def context_of_task(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await asyncio.create_task(put(session, 2), context=contextvars.copy_context())


@asynchronous()
async def in_a_thread(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await asyncio.to_thread(lambda: write(session.sync_session, 2))


@asynchronous()
async def sync_commit(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await session.run_sync(lambda made: made.commit())
        await put(session, 2)
        raise BoomError


@asynchronous()
async def sync_connection(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await (await session.connection()).commit()
        await put(session, 2)
        raise BoomError


@asynchronous()
async def async_generator(engine: Any) -> None:
    async def rows() -> Any:
        async with atomic(engine) as session:
            await put(session, 1)
            yield session
            await put(session, 2)

    made = rows()
    await made.__anext__()
    del made
    gc.collect()
    await asyncio.sleep(0)
    raise BoomError


@asynchronous()
async def async_generator_loop(engine: Any) -> None:
    async def rows() -> Any:
        async with atomic(engine) as session:
            await put(session, 1)
            yield session
            raise BoomError

    async for _ in rows():
        async with atomic(engine) as inner:
            await put(inner, 2)


@asynchronous()
async def async_generator_task(engine: Any) -> None:
    async def rows() -> Any:
        async with atomic(engine) as session:
            await put(session, 1)
            yield session
            await put(session, 2)

    made = rows()
    await made.__anext__()
    await asyncio.create_task(made.__anext__())


@asynchronous()
async def cancelled(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        asyncio.current_task().cancel()  # type: ignore[union-attr]
        try:
            await put(session, 2)
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()  # type: ignore[union-attr]


@asynchronous()
async def cancelled_in_sleep(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.01)
        await put(session, 2)


@asynchronous()
async def async_savepoint_crossed(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        one, two = savepoint(), savepoint()
        await one.__aenter__()
        await two.__aenter__()
        await one.__aexit__(None, None, None)
        await two.__aexit__(None, None, None)
        await put(session, 2)


@asynchronous(1)
async def async_session_after(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
    await put(session, 2)


@asynchronous()
async def async_callback(engine: Any) -> None:
    async def later() -> None:
        async with atomic(engine) as inner:
            await put(inner, 2)

    async with atomic(engine) as session:
        await put(session, 1)
        on_commit(later)


@asynchronous()
async def async_joined_swallowed(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        with contextlib.suppress(BoomError):
            async with atomic(engine) as inner:
                await put(inner, 2)
                raise BoomError


@asynchronous()
async def sync_block_in_task(engine: Any) -> None:
    with atomic(engine) as session:
        await put(session, 1)


@asynchronous()
async def shielded(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await asyncio.shield(put(session, 2))


@asynchronous()
async def task_group(engine: Any) -> None:
    async with atomic(engine) as session, asyncio.TaskGroup() as group:
        group.create_task(put(session, 1))
        group.create_task(put(session, 2))
