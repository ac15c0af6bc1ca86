"""Who waits for whom on MariaDB, read from InnoDB's monitor.

``LOCK WAIT`` stays in the monitor until the thread that waited has been scheduled; the one line that tells the lock
itself is ``TRX HAS BEEN WAITING``. It does not name the holder. ``information_schema.innodb_lock_waits`` does, but is
a cache that is filled anew only when nobody has read it for 100 ms: so it is read rarely, and believed only where it
speaks of that very lock.

Other locks (a table's definition, a user's lock) stand in the list of processes alone, and there, too, whoever got one
stays listed as waiting until its thread has been scheduled, which on a busy machine is late. The kernel knows: a thread
that was woken no longer sleeps (``proc(5)``).
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from acidity.engines.facts import UNNAMED, Waits

_BLOCK = re.compile(r"^---TRANSACTION (\(?\w+\)?),", re.MULTILINE)
_THREAD = re.compile(r"^MariaDB thread id (\d+),", re.MULTILINE)
_WAITING = re.compile(
    r"^------- TRX HAS BEEN WAITING .*\n"
    r"(?:RECORD LOCKS space id (\d+) page no (\d+) .* waiting\nRecord lock, heap no (\d+) )?",
    re.MULTILINE,
)
_OTHER_LOCKS = (
    "SELECT id, tid FROM information_schema.processlist WHERE state = 'User lock' OR state LIKE 'Waiting for %lock'"
)
_PROGRAMS = frozenset({"mariadbd", "mysqld"})
_STALE_S = 0.1  # how long the server keeps the cache after somebody has read it


class Waiting:
    """Asks who waits for whom, as often as one likes.

    Args:
        ask: sends a statement on a connection that watches.
    """

    def __init__(self, ask: Callable[..., list[tuple[Any, ...]]]) -> None:
        self._ask = ask
        self._holders: dict[str, frozenset[str]] = {}
        self._read_again_at = 0.0

    def of(self, sessions: frozenset[int]) -> Waits:
        """Those of these sessions that wait: for a row or table of InnoDB, for a table's definition, a user's lock."""
        (found,) = self._ask("SHOW ENGINE INNODB STATUS")
        threads, locks = _transactions(str(found[2]))
        waits = {
            threads[trx]: frozenset({threads.get(by, UNNAMED) for by in self._held_by(lock)} or {UNNAMED})
            for trx, lock in locks.items()
            if threads[trx] in sessions
        }
        for thread in self._waiting_for_other_locks():
            if thread in sessions:
                waits.setdefault(thread, frozenset({UNNAMED}))
        return waits

    def _waiting_for_other_locks(self) -> frozenset[int]:
        """Those listed before and after the kernel said that they sleep."""
        asleep = {row for row in self._ask(_OTHER_LOCKS) if not _runs(int(row[1]))}
        return frozenset(int(row[0]) for row in self._ask(_OTHER_LOCKS) if row in asleep) if asleep else frozenset()

    def _held_by(self, lock: str) -> frozenset[str]:
        """The transactions that hold a lock, as far as the server has said so yet."""
        if lock and lock not in self._holders and time.monotonic() >= self._read_again_at:
            # Others read the cache of a shared server, too: by chance, they leave it alone for long enough.
            self._read_again_at = time.monotonic() + _STALE_S * random.uniform(1.1, 3)  # noqa: S311
            self._holders.clear()
            for requested, by in self._ask(
                "SELECT requested_lock_id, blocking_trx_id FROM information_schema.innodb_lock_waits"
            ):
                self._holders[requested] = self._holders.get(requested, frozenset()) | {str(by)}
        return self._holders.get(lock, frozenset())


def _runs(tid: int) -> bool:
    """Whether a thread of a server on this machine is running or about to; of others nothing is known."""
    place = Path(f"/proc/{tid}")
    with suppress(OSError, IndexError):
        if place.joinpath("comm").read_text(encoding="utf-8").strip() in _PROGRAMS:
            return place.joinpath("stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "R"
    return False


def _transactions(status: str) -> tuple[dict[str, int], dict[str, str]]:
    """The thread of each transaction, and the lock that it waits for; nothing where the monitor names no row."""
    starts = list(_BLOCK.finditer(status))
    threads: dict[str, int] = {}
    locks: dict[str, str] = {}
    ends = [*(each.start() for each in starts[1:]), len(status)]
    for start, end in zip(starts, ends, strict=False):  # without any there is an end, and no start
        block = status[start.end() : end]
        thread, waiting = _THREAD.search(block), _WAITING.search(block)
        if thread is None:
            continue
        threads[start[1]] = int(thread[1])
        if waiting is not None:
            locks[start[1]] = ":".join((start[1], *waiting.groups())) if waiting[1] else ""
    return threads, locks
