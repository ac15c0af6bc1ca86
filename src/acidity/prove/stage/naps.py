"""A caller that sleeps goes on at once, and its clocks go on by as much: a back-off costs no time, and time runs out.

Other callers come between its Calls anyway, so nothing is lost by not sleeping as long as no clock tells. The clocks of
the module `time` and that of the event loop go on together, for callers alone, also under names that the user's modules
have given them. What one sleeps has passed for the others by `time` when somebody is let go the next time: whoever is
at work in the same turn would else see it or not by chance. A clock that cannot be put on (that of ``datetime``, a
function that an object keeps, the database's) is noted when it is read after a sleep that was skipped; then everything
has to be run again, sleeping (`ClockRead`). Where it is not certain that a caller waits for nothing but time, it
sleeps.
"""

from __future__ import annotations

import asyncio
import gc
import mmap
import re
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from math import isfinite
from types import FrameType, FunctionType
from typing import Any
from weakref import WeakSet

from acidity.adapters.seam import ACTOR, Actor
from acidity.core.call import Event
from acidity.prove.stage.bound import rebound

_SLEEP, _SLEEP_ASYNC, _START = time.sleep, asyncio.sleep, threading.Thread.start
_CLOCKS = ("time", "monotonic", "perf_counter")
_REAL = {name: getattr(time, name) for each in _CLOCKS for name in (each, f"{each}_ns")}
_READS = frozenset([*_REAL, "localtime", "gmtime", "ctime", "asctime", "strftime", "now", "utcnow", "today"])
_COUNTED = "dq"  # how many seconds were skipped, and how often somebody slept
_SHARED = f"{_COUNTED}d"  # and how many of these seconds have passed for all
_DBAPI = frozenset(
    {"sqlite3", "aiosqlite", "psycopg", "psycopg_pool", "psycopg2", "asyncpg", "pymysql", "aiomysql", "MySQLdb"}
)
"""Drivers: they ask `time` to limit how long they wait for a server."""
_QUIET = _DBAPI | {"threading", "queue", "concurrent", "logging", "asyncio", "selectors", "sqlalchemy", "acidity"}
"""Modules that ask `time` for nothing that a caller would see."""
_IDLE = frozenset({"threading", "queue", "concurrent", "anyio"})
"""Modules of threads that wait for work."""
_DRIVERS = frozenset({"aiosqlite", "psycopg_pool"})
"""Modules of threads that work for Calls alone, and a caller that sleeps has none under way."""
# Words of SQL that ask the time, or let time pass; some of these functions do so only with certain arguments.
_SQL_CLOCK = re.compile(
    r"\b(?:current_?(?:time|date|timestamp)|local_?time(?:stamp)?|sysdate|systimestamp)\b"
    r"|\b(?:now|(?:clock|statement|transaction)_timestamp|timeofday|age|curdate|curtime|utc_\w+|unix_timestamp"
    r"|unixepoch|julianday|strftime|date|time|datetime|timediff|\w*sleep\w*)\s*\(",
    re.IGNORECASE,
)


class ClockRead(Exception):  # noqa: N818 - not a mistake of somebody
    """A clock was read that does not go on when a sleep is skipped; the message names it."""


class Naps:
    """The sleeps that callers have skipped; what forked processes skip counts, too.

    Attributes:
        tasks: those in which callers run, and who controls them.
        helpers: threads that callers have started.
    """

    def __init__(self) -> None:
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        self.helpers: WeakSet[threading.Thread] = WeakSet()
        # What is counted, and the name of a clock.
        self._shared = mmap.mmap(-1, struct.calcsize(_SHARED) + 64)
        self._slept: dict[str, tuple[Actor, int]] = {}
        self._ahead: dict[str, tuple[Actor, float]] = {}
        self._asked = False

    @property
    def skipped(self) -> float:
        """How many seconds all callers have skipped."""
        seconds: float = struct.unpack_from(_SHARED, self._shared)[0]
        return seconds

    def ahead(self, actor: Actor) -> float:
        """By how many seconds the clocks of a caller are ahead: what has passed for all, or what it has slept since."""
        passed: float = struct.unpack_from(_SHARED, self._shared)[2]
        who, own = self._ahead.get(actor.name, (None, 0.0))
        return max(passed, own) if who is actor else passed

    def let_pass(self) -> None:
        """Nobody is at work: what was skipped until now has passed for all."""
        struct.pack_into(_SHARED, self._shared, 0, self.skipped, self.sleeps, self.skipped)

    @property
    def sleeps(self) -> int:
        """How often callers have slept, whether or not it was skipped."""
        times: int = struct.unpack_from(_SHARED, self._shared)[1]
        return times

    @property
    def doubt(self) -> str:
        """The clock that was read though it had not been put on; empty while none was."""
        return self._shared[struct.calcsize(_SHARED) :].rstrip(b"\0").decode()

    def skips(self, seconds: Any) -> bool:
        """Skip a sleep of this caller, if nothing speaks against it; whether that was done."""
        actor = ACTOR.get()
        if actor is None or not isinstance(seconds, int | float) or not isfinite(seconds) or seconds <= 0:
            return False
        struct.pack_into(_COUNTED, self._shared, 0, self.skipped, self.sleeps + 1)
        me = threading.current_thread()
        beside = any(each.thread is me for each in tuple(actor.helpers.values()))  # it may watch over others' time
        if beside or self._sleeps_again(actor) or self._others_work() or not self.watches():
            return False
        self._slept[actor.name] = actor, actor.made
        self._ahead[actor.name] = actor, self.ahead(actor) + seconds
        struct.pack_into(_COUNTED, self._shared, 0, self.skipped + seconds, self.sleeps)
        return True

    def skips_async(self, seconds: float) -> float:
        """The same of a task, if nobody else is at work in its loop; up to when the next timer of a caller runs out.

        Returns:
            How many seconds are left to sleep.
        """
        loop = asyncio.get_running_loop()
        if loop.time is not loop_time or asyncio.current_task() not in self.tasks:
            return seconds
        others = asyncio.all_tasks(loop) - set(self.tasks)
        waits = asyncio.Event.wait.__code__
        if any(getattr(task.get_coro(), "cr_code", None) is not waits for task in others):
            return seconds
        timers = [each for each in getattr(loop, "_scheduled", ()) if not each.cancelled()]
        due = [each.when() - loop.time() for each in timers if each._context.get(ACTOR) is not None]
        ahead = min([seconds, *due])
        return seconds - ahead if self.skips(ahead) else seconds

    def _sleeps_again(self, actor: Actor) -> bool:
        """Without a Call in between: it waits for something else than the database, which takes its time."""
        before, made = self._slept.get(actor.name, (None, 0))
        return before is actor and made == actor.made

    def _others_work(self) -> bool:
        """Whether a thread that callers have started does something a caller may wait for."""
        frames = sys._current_frames()
        for thread in tuple(self.helpers):
            if thread.is_alive() and thread is not threading.current_thread():
                packages = set(_packages(frames.get(thread.ident or 0)))
                if packages.isdisjoint(_DRIVERS) and packages - _IDLE:
                    return True
        return False

    # Clocks that are not put on

    def watches(self) -> bool:
        """See which clocks this thread reads from now on; False where a profiler of the user's is in the place."""
        there = sys.getprofile()
        if there is None:
            sys.setprofile(self._noted)
            return True
        return str(getattr(there, "__module__", "")).startswith("acidity.")

    def unwatch(self) -> None:
        """The run is over."""
        if sys.getprofile() == self._noted:
            sys.setprofile(None)

    def _noted(self, frame: FrameType, event: str, argument: Any) -> None:
        if clock := _clock_in_c(frame, event, argument):
            self._doubts(clock)

    def _doubts(self, clock: str) -> None:
        if not self.doubt:
            start = struct.calcsize(_SHARED)
            name = clock.encode()[:64]
            self._shared[start : start + len(name)] = name

    def require_clocks(self, history: Iterable[Event], of_schema: Callable[[], Iterable[str]]) -> None:
        """After a run, say whether a clock of the database was read, or one of Python's that was not put on.

        Args:
            history: of the run.
            of_schema: the texts of the schema: defaults, triggers, views, functions.

        Raises:
            ClockRead: it was, though something had been skipped.
        """
        self.unwatch()
        if not self.skipped:
            return
        texts = [event.call.sql for event in history]
        if not self._asked:
            self._asked = True
            texts += of_schema()
        for clock in filter(None, map(clock_in, texts)):
            self._doubts(f"{clock} in SQL")
        if self.doubt:
            raise ClockRead(self.doubt)


_naps: Naps | None = None


def skipped_s() -> float:
    """By how many seconds the clocks of callers are ahead of others, when all of it has passed for all."""
    return 0.0 if _naps is None else _naps.skipped


def let_pass() -> None:
    """Somebody is let go, and nobody is at work: for all of them has passed what was skipped."""
    if _naps is not None:
        _naps.let_pass()


def sleeps() -> int:
    """How often callers have slept; 0 where sleeps take their time."""
    return 0 if _naps is None else _naps.sleeps


def asks_the_time(frame: FrameType, event: str, argument: Any) -> bool:
    """Whether this event of a profiler is one in which somebody asks for the time whom it tells something."""
    if event == "call" and frame.f_code in _PUT_ON:
        return frame.f_back is not None and _package(frame.f_back) not in _QUIET
    return bool(_clock_in_c(frame, event, argument))


def _clock_in_c(frame: FrameType, event: str, argument: Any) -> str:
    """What the clock is called that is asked for the time there, past those that are put on; empty if none is."""
    if event != "c_call" or getattr(argument, "__name__", "") not in _READS:
        return ""
    owner = getattr(argument, "__self__", None)
    if any(getattr(collector, "__code__", None) is frame.f_code for collector in gc.callbacks):
        return ""  # it is called wherever a collection begins, and tells the caller nothing
    if owner is time and _package(frame) not in _QUIET:
        return f"time.{argument.__name__} in {frame.f_globals.get('__name__')}"
    return f"{owner.__name__}.{argument.__name__}" if isinstance(owner, type) and issubclass(owner, date) else ""


def loop_time() -> float:
    """The clock of an event loop in which callers run."""
    now: float = _REAL["monotonic"]()
    return now + skipped_s()


def may_be_skipped(task: asyncio.Task[Any] | None) -> None:
    """A task in which a caller runs, or who controls callers."""
    if _naps is not None and task is not None:
        _naps.tasks.add(task)


def watch_clocks() -> None:
    """A caller goes on: if something was skipped meanwhile, it matters which clocks it reads."""
    if _naps is not None and _naps.skipped:
        _naps.watches()


def leave_clocks() -> None:
    """A run is over of which nobody asks which clocks it has read."""
    if _naps is not None:
        _naps.unwatch()


def require_clocks(history: Iterable[Event], of_schema: Callable[[], Iterable[str]]) -> None:
    """See `Naps.require_clocks`; nothing where sleeps take their time."""
    if _naps is not None:
        _naps.require_clocks(history, of_schema)


@lru_cache(maxsize=1024)
def clock_in(sql: str) -> str:
    """The first word of a text that asks what time it is; empty if none does."""
    found = _SQL_CLOCK.search(sql)
    return found[0].rstrip("( \t\n").lower() if found else ""


@contextmanager
def skipping() -> Iterator[Naps]:
    """Let callers skip their sleeps in this context; afterwards everything is as it was."""
    global _naps  # noqa: PLW0603 - the clocks are the process's
    naps = Naps()
    clocks = _clocks()
    changed: dict[Any, dict[str, Any]] = {
        time: {"sleep": _sleep, **clocks},
        asyncio: {"sleep": _sleep_async},
        threading.Thread: {"start": _start},
    }
    by_name = [
        (_SLEEP, _sleep),
        (_SLEEP_ASYNC, _sleep_async),
        *((_REAL[name], clock) for name, clock in clocks.items()),
    ]
    kept = [(owner, name, getattr(owner, name)) for owner, names in changed.items() for name in names]
    before, _naps = _naps, naps
    try:
        for owner, names in changed.items():
            for name, value in names.items():
                setattr(owner, name, value)
        with rebound(by_name):
            yield naps
    finally:
        for owner, name, value in kept:
            setattr(owner, name, value)
        naps.unwatch()
        _naps = before


def _sleep(seconds: Any, /) -> None:
    _SLEEP(0 if _naps is not None and _naps.skips(seconds) else seconds)


async def _sleep_async(delay: float, result: Any = None) -> Any:
    if _naps is not None and delay > 0:
        delay = _naps.skips_async(delay)
    return await _SLEEP_ASYNC(delay, result)


def _start(thread: threading.Thread) -> None:
    if _naps is not None and ACTOR.get() is not None:
        _naps.helpers.add(thread)
    _START(thread)


def _ahead_s() -> float:
    """By how many seconds the clocks of whoever asks are ahead."""
    actor = ACTOR.get()
    return 0.0 if _naps is None or actor is None else _naps.ahead(actor)


def _clocks() -> dict[str, Callable[[], Any]]:
    """The clocks of `time`, ahead for callers."""

    def in_seconds(real: Callable[[], float]) -> Callable[[], float]:
        return lambda: real() + _ahead_s()

    def in_nanoseconds(real: Callable[[], int]) -> Callable[[], int]:
        return lambda: real() + round(_ahead_s() * 1e9)

    return {name: in_nanoseconds(it) if name.endswith("_ns") else in_seconds(it) for name, it in _REAL.items()}


_PUT_ON = frozenset(clock.__code__ for clock in _clocks().values() if isinstance(clock, FunctionType))


def _packages(frame: FrameType | None) -> Iterator[str]:
    """Those whose code a thread runs."""
    while frame is not None:
        yield _package(frame)
        frame = frame.f_back


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
