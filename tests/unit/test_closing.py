"""Who closes a session or a connection in a coroutine, and is cancelled before that has begun."""

from __future__ import annotations

import asyncio
import gc

from acidity.adapters.closing import _telling


def test_a_close_that_is_cancelled_before_it_begins_leaves_nothing_unawaited() -> None:
    class Connection:
        begun = 0

        async def close(self) -> None:
            self.begun += 1

    class Told(Connection):
        close = _telling(Connection.close)

    async def cancelled(connection: Connection) -> int:
        task = asyncio.ensure_future(connection.close())
        task.cancel()
        await asyncio.wait([task])
        return connection.begun

    assert asyncio.run(cancelled(Told())) == 0
    gc.collect()
    told = Told()
    asyncio.run(told.close())
    assert told.begun == 1
