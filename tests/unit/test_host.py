"""The loop of a check is closed, whatever its tasks do."""

from __future__ import annotations

import asyncio
import gc
import threading
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy.util import await_only

from acidity.prove.stage import host
from acidity.prove.stage.host import LoopHost


async def _deaf() -> None:
    """As a worker that takes being cancelled for an error of its work."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


async def _at_the_second_time(ended: list[str]) -> None:
    for _ in range(2):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
    ended.append("so it has")


def test_a_task_that_does_not_heed_it_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_MOMENT_S", 0.05)
    loop, ended = LoopHost(), list[str]()
    tasks = []

    async def begin() -> None:
        tasks.extend([asyncio.ensure_future(_deaf()), asyncio.ensure_future(_at_the_second_time(ended))])
        await asyncio.sleep(0)

    loop.run(begin())
    loop.close()
    assert ended == ["so it has"]
    assert not tasks[0].done()
    assert tasks[0].get_loop().is_closed()


@pytest.mark.parametrize("steps", range(4))
def test_in_a_forked_process_tasks_of_the_other_one_give_back_what_they_hold(steps: int) -> None:
    """Also one that was about to go on: as that of a pool, which fills it up again when a connection is closed."""
    loop, lock, goes_on, tasks = LoopHost(), asyncio.Lock(), list[asyncio.Future[None]](), list[asyncio.Future[None]]()

    async def holds_it() -> None:
        async with lock:
            goes_on.append(asyncio.get_running_loop().create_future())
            await goes_on[0]
            for _ in range(steps):
                await asyncio.sleep(0)
            await asyncio.sleep(3600)

    def closing() -> None:
        tasks.append(asyncio.ensure_future(holds_it()))
        await_only(asyncio.sleep(0))
        goes_on[0].set_result(None)

    async def takes_it() -> None:
        async with asyncio.timeout(0.2), lock:
            pass

    loop.let_go(closing)
    inner: Any = loop._runner.get_loop()
    of_the_other_one = [inner._selector, inner._ssock, inner._csock]
    assert loop.goes_on()
    loop.run(takes_it())
    loop.close()
    for each in of_the_other_one:
        each.close()


def test_an_error_that_nobody_asked_for_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """A connection that acidity has closed while a pool opened it has one, which is noticed at any later time."""

    async def leaves_one() -> None:
        asyncio.get_running_loop().create_future().set_exception(ConnectionError("closed meanwhile"))

    loop = LoopHost()
    loop.run(leaves_one())
    gc.collect()
    loop.close()
    assert caplog.messages == []


LOCK, EVENT = asyncio.Lock(), asyncio.Event()
SEMAPHORE, QUEUE = asyncio.Semaphore(1), asyncio.Queue[int]()


async def _holds_the_lock() -> None:
    async with LOCK:
        await asyncio.sleep(0)


async def _holds_the_semaphore() -> None:
    async with SEMAPHORE:
        await asyncio.sleep(0)


async def _waits_for_the_event() -> None:
    asyncio.get_running_loop().call_soon(EVENT.set)
    await EVENT.wait()
    EVENT.clear()


async def _waits_for_the_queue() -> None:
    asyncio.get_running_loop().call_soon(QUEUE.put_nowait, 1)
    await QUEUE.get()


@pytest.mark.parametrize("meets", [_holds_the_lock, _holds_the_semaphore, _waits_for_the_event, _waits_for_the_queue])
def test_what_a_module_keeps_for_its_tasks_serves_the_next_check_too(
    meets: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    async def both() -> None:
        await asyncio.gather(meets(), meets())

    for _ in range(2):
        loop = LoopHost()
        loop.run(both())
        loop.close()


def test_nothing_of_a_loop_is_left_for_the_next_check() -> None:
    """Neither tasks nor timers nor threads, and all that a loop can do it does."""
    ended: list[str] = []
    seen: list[Any] = []

    async def numbers() -> Any:
        yield 1

    async def begins() -> None:
        seen.append(asyncio.ensure_future(_at_the_second_time(ended)))
        asyncio.get_running_loop().call_later(0, ended.append, "a timer")
        seen.append(await asyncio.to_thread(threading.current_thread))

    async def goes_on() -> None:
        await asyncio.sleep(0.001)
        assert [number async for number in numbers()] == [1]
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert await asyncio.to_thread(threading.current_thread) is not seen[1]

    first = LoopHost()
    first.run(begins())
    first._runner.get_loop().call_later(0, ended.append, "a timer of the end")
    first.close()
    assert seen[0].done()
    assert not seen[1].is_alive()
    before = list(ended)
    second = LoopHost()
    second.run(goes_on())
    second.close()
    assert ended == before


def test_what_a_thread_answers_when_all_is_over_is_for_nobody() -> None:
    """aiosqlite's thread has the answer to a call that was cancelled when the loop is closed already."""
    loop = LoopHost()
    own = loop._runner.get_loop()
    loop.close()
    own.call_soon_threadsafe(print, "never")
    with pytest.raises(RuntimeError, match="closed"):
        own.call_soon(print, "never")


def test_a_loop_that_cannot_be_opened_again_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    LoopHost().close()
    monkeypatch.delattr(BaseSelectorEventLoop, "_make_self_pipe")
    (closed,) = host._closed
    assert not host._opened_again(closed)
    assert closed.is_closed()
