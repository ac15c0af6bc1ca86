"""Whether a caller that has no Call in flight waits for another one: for a lock of the program, or a pool's connection.

A thread: the kernel says that it sleeps on a futex, and neither its processor time nor the line at which it stands has
changed while it could have run. (Waiting for the interpreter's own lock is a futex, too; hence two looks, and time in
between.) ``time.sleep`` and a socket are other system calls. This is Linux's ``proc(5)``; elsewhere nobody is known to
sleep, and a run in which somebody does is ended by its time limit, as unknown.

A task: the coroutine that it awaits in the end belongs to asyncio's locks or queues.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_FUTEX: Mapping[str, str] = {"x86_64": "202", "aarch64": "98"}
_LOOKS = 3  # as many in a row have to be the same
_LOCKS = ("asyncio/locks.py", "asyncio/queues.py")


class Asleep:
    """Looks at the callers of one run, again and again."""

    def __init__(self) -> None:
        self._looks: dict[str, tuple[Any, int]] = {}

    def thread(self, thread: threading.Thread) -> bool:
        """Whether it has been seen waiting for a lock, `_LOOKS` times in a row without having run in between."""
        seen = _look(thread)
        before, times = self._looks.get(thread.name, (None, 0))
        times = times + 1 if seen is not None and seen == before else 1
        self._looks[thread.name] = seen, times
        return seen is not None and times >= _LOOKS

    def task(self, task: asyncio.Task[Any]) -> bool:
        """Whether it waits for another task."""
        awaited: Any = task.get_coro()
        code = None
        while awaited is not None:
            code = getattr(awaited, "cr_code", None) or code
            awaited = getattr(awaited, "cr_await", None)
        return code is not None and code.co_filename.endswith(_LOCKS)


def _look(thread: threading.Thread) -> tuple[str, str, int, int] | None:
    """Where it stands and how long it has run; None unless it sleeps on a futex."""
    import platform

    frame = sys._current_frames().get(thread.ident or 0)
    place = Path(f"/proc/self/task/{thread.native_id}")
    with suppress(OSError, IndexError):
        if place.joinpath("syscall").read_text(encoding="ascii").split()[0] != _FUTEX.get(platform.machine()):
            return None
        words = place.joinpath("stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ran = place.joinpath("schedstat").read_text(encoding="ascii").split()[0]
        if words[0] == "S" and frame is not None:
            return ran, frame.f_code.co_filename, frame.f_code.co_firstlineno, frame.f_lasti
    return None
