"""Whether a caller that has no Call in flight waits for another one: for a lock of the program, or a pool's connection.

A thread: the kernel says that it sleeps on a futex, and neither its processor time nor the line at which it stands has
changed while it could have run. Waiting for the interpreter's own lock is a futex, too, and on a busy machine others
may have their turn for long; but whoever waits for that one wakes up each ``sys.getswitchinterval()`` to ask for it, so
that he has run, or is about to, when more time than that lies between two looks. ``time.sleep`` and a socket are other
system calls. This is Linux's ``proc(5)``; elsewhere nobody is known to sleep, and a run in which somebody does is ended
by its time limit, as unknown.

A task: the coroutine that it awaits in the end belongs to asyncio's locks or queues. A caller may have begun
others, and wait for them so: it is asleep if all of them are.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

from acidity.adapters.drivers import DRIVERS
from acidity.adapters.site import is_user_code, shown
from acidity.prove.stage.frames import innermost_frame

_FUTEX: Mapping[str, str] = {"x86_64": "202", "aarch64": "98"}
_WAITS: Mapping[str, tuple[str, ...]] = {"x86_64": ("202", "72", "73"), "aarch64": ("98", "25", "32")}
"""futex, fcntl and flock."""
_LOOKS = 3  # as many in a row have to be the same
_INTERVALS = 2  # of the interpreter's lock that lie between the first and the last of them
_DRIVERS = frozenset(DRIVERS)
_LOCKS = ("asyncio/locks.py", "asyncio/queues.py")


class Asleep:
    """Looks at the callers of one run, again and again."""

    def __init__(self) -> None:
        self._looks: dict[str, tuple[Any, int, float]] = {}

    def thread(self, thread: threading.Thread) -> bool:
        """Whether it has been seen waiting for a lock, `_LOOKS` times in a row without having run in between."""
        now = time.monotonic()
        since = self._sleeps_since(str(thread.native_id), _look(thread))
        return since is not None and now - since > _INTERVALS * sys.getswitchinterval()

    def process(self, pid: int) -> bool:
        """The same of a process, of all its threads: for a lock that processes share, of memory or of a file."""
        return self._sleeps_since(str(pid), _look_at_process(pid)) is not None

    def _sleeps_since(self, name: str, seen: object) -> float | None:
        """The instant of `time.monotonic` of the first of `_LOOKS` or more equal looks in a row; None for fewer."""
        before, times, since = self._looks.get(name, (None, 0, 0.0))
        if seen is None or seen != before:
            times, since = 0, time.monotonic()
        self._looks[name] = seen, times + 1, since
        return since if seen is not None and times + 1 >= _LOOKS else None

    @staticmethod
    def tasks(tasks: Sequence[asyncio.Task[Any]]) -> bool:
        """Whether all tasks of one caller wait for somebody, and not only for each other's next step."""
        return all(_waits(task, tasks) for task in tasks) and any(_innermost(task) in _LOCKS for task in tasks)


def _waits(task: asyncio.Task[Any], own: Sequence[asyncio.Task[Any]]) -> bool:
    """For a lock or a queue, or for another task of the same caller, of which that is asked, too."""
    awaited = getattr(task, "_fut_waiter", None)
    among = awaited in own or any(each in own for each in getattr(awaited, "_children", ()))
    return among or _innermost(task) in _LOCKS


def _innermost(task: asyncio.Task[Any]) -> str:
    """The file of the innermost coroutine that it awaits; nothing where a driver awaits an answer.

    psycopg waits for its socket with an `asyncio.Event`. Pools of drivers do wait for other tasks.
    """
    awaited: Any = task.get_coro()
    files: list[tuple[str, ...]] = []
    while awaited is not None:
        code = getattr(awaited, "cr_code", None)
        if code is not None:
            files.append(_parts(code.co_filename))
        awaited = getattr(awaited, "cr_await", None)
    if not files or any(_is_of_a_driver(parts) for parts in files):
        return ""
    return "/".join(files[-1][-2:])


@lru_cache(maxsize=1024)
def _parts(filename: str) -> tuple[str, ...]:
    return Path(filename).parts


def _is_of_a_driver(parts: tuple[str, ...]) -> bool:
    return parts[-1] != "pool.py" and not _DRIVERS.isdisjoint(parts[:-1])


def lock_of_thread(thread: threading.Thread) -> str:
    """The line of the program at which a waiting thread asks for a lock, or for a connection of a pool."""
    frame: FrameType | None = innermost_frame(thread.ident)
    while frame is not None and not is_user_code(frame.f_code.co_filename):
        frame = frame.f_back
    return "" if frame is None else f"{shown(frame.f_code.co_filename)}:{frame.f_lineno}"


def lock_of_task(task: asyncio.Task[Any]) -> str:
    """The same of a task."""
    awaited: Any = task.get_coro()
    line = ""
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None)
        if frame is not None and is_user_code(frame.f_code.co_filename):
            line = f"{shown(frame.f_code.co_filename)}:{frame.f_lineno}"
        awaited = getattr(awaited, "cr_await", None)
    return line if _innermost(task) == _LOCKS[0] else ""


def _look_at_process(pid: int) -> list[tuple[str, str] | None] | None:
    """Each of its threads; None unless all of them sleep."""
    with suppress(OSError):
        looks = [_look_at_task(each) for each in Path(f"/proc/{pid}/task").iterdir()]
        return None if None in looks else looks
    return None


def _look_at_task(place: Path) -> tuple[str, str] | None:
    """How long it has run and what it asks of the system; None unless it sleeps in one of the calls that wait."""
    import platform

    with suppress(OSError, IndexError):
        asked = place.joinpath("syscall").read_text(encoding="ascii")
        state = place.joinpath("stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        ran = place.joinpath("schedstat").read_text(encoding="ascii").split()[0]
        if state == "S" and asked.split()[0] in _WAITS.get(platform.machine(), ()):
            return ran, asked
    return None


def _look(thread: threading.Thread) -> tuple[str, str, int, int] | None:
    """Where it stands and how long it has run; None unless it sleeps on a futex."""
    import platform

    frame = innermost_frame(thread.ident)
    place = Path(f"/proc/self/task/{thread.native_id}")
    with suppress(OSError, IndexError):
        if place.joinpath("syscall").read_text(encoding="ascii").split()[0] != _FUTEX.get(platform.machine()):
            return None
        words = place.joinpath("stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ran = place.joinpath("schedstat").read_text(encoding="ascii").split()[0]
        if words[0] == "S" and frame is not None:
            return ran, frame.f_code.co_filename, frame.f_code.co_firstlineno, frame.f_lasti
    return None
