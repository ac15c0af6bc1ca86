"""The loop of a check is closed, whatever its tasks do."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

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
