"""Who waits for whom on MariaDB, read from InnoDB's monitor.

``information_schema.innodb_trx`` and ``innodb_lock_waits`` are a cache that is filled anew only when nobody has read it
for 100 ms, and ``LOCK WAIT`` stays in the monitor until the thread that waited has been scheduled. The one line that
tells the lock itself is ``TRX HAS BEEN WAITING``. The cache is used for a name only where it speaks of that very lock.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from acidity.engines.facts import UNNAMED, Waits

_BLOCK = re.compile(r"^---TRANSACTION (\d+),", re.MULTILINE)
_THREAD = re.compile(r"^MariaDB thread id (\d+),", re.MULTILINE)
_WAITING = re.compile(
    r"^------- TRX HAS BEEN WAITING .*\n"
    r"(?:RECORD LOCKS space id (\d+) page no (\d+) .* waiting\nRecord lock, heap no (\d+) )?",
    re.MULTILINE,
)
_OTHER_LOCKS = (
    "SELECT id FROM information_schema.processlist WHERE state = 'User lock' OR state LIKE 'Waiting for %lock'"
)


def waits_in(ask: Callable[..., list[tuple[Any, ...]]], sessions: frozenset[int]) -> Waits:
    """Those of these sessions that wait: for a row or table of InnoDB, for a table's definition, or for a user's lock.

    Args:
        ask: sends a statement on a connection that watches.
        sessions: their connection ids.
    """
    (found,) = ask("SHOW ENGINE INNODB STATUS")
    threads, locks = _transactions(str(found[2]))
    waiting = {threads[trx]: (trx, lock) for trx, lock in locks.items() if threads.get(trx) in sessions}
    waits = {thread: frozenset({UNNAMED}) for thread in waiting}
    if waiting:
        listed = ask("SELECT requested_lock_id, blocking_trx_id FROM information_schema.innodb_lock_waits")
        for thread, (_, lock) in waiting.items():
            named = {threads.get(str(by), UNNAMED) for requested, by in listed if lock and requested == lock}
            waits[thread] = frozenset(named or {UNNAMED})
    for (thread,) in ask(_OTHER_LOCKS):
        if thread in sessions:
            waits.setdefault(int(thread), frozenset({UNNAMED}))
    return waits


def _transactions(status: str) -> tuple[dict[str, int], dict[str, str]]:
    """The thread of each transaction, and the lock that it waits for; nothing where the monitor names no row."""
    starts = list(_BLOCK.finditer(status))
    threads: dict[str, int] = {}
    locks: dict[str, str] = {}
    for start, after in zip(starts, [*starts[1:], None], strict=True):
        block = status[start.end() : after.start() if after else len(status)]
        thread, waiting = _THREAD.search(block), _WAITING.search(block)
        if thread is None:
            continue
        threads[start[1]] = int(thread[1])
        if waiting is not None:
            locks[start[1]] = ":".join((start[1], *waiting.groups())) if waiting[1] else ""
    return threads, locks
