"""The `Overseer` of a check: a thread beside it that ends a run which does not end, and a check that was told to stop.

A signal is remembered where Python's own C code writes it down, because an exception may be lost on its way: raised in
a destructor, in a hook of ``fork`` or in code of the program that swallows everything. What Python cannot leave, a
driver in a long C call, is ended from outside: its session is closed. A second signal ends the process at once.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from acidity.adapters.site import is_user_code
from acidity.core.exits import end_at_once
from acidity.core.parting import part
from acidity.engines.sandbox import Unsettled
from acidity.errors import Terminated
from acidity.prove.stage.frames import innermost_frame
from acidity.prove.stage.quiet import aloud

PATIENCE_S = 1.0  # between a signal, or a time limit, and ending sessions from outside; and from each try to the next
LEFT_S = 2.0  # after a signal: what still runs is named
GIVES_UP_S = 10.0  # after a time limit: code that can be ended in no way ends the check
_SPACING_S = 0.2  # two signals nearer than this are one: a terminal and its shell may both send it
_KNOCK: int | None = getattr(signal, "SIGRTMAX", None)
_HEARD = tuple(number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)))


class RunTimedOut(BaseException):
    """Raised in the program's code when its time is over; nothing that handles errors may keep it."""


_OURS = f"{Path(__file__).parents[2]}{os.sep}"  # where acidity lies
_RUNS = f"{Path(__file__).parents[1]}{os.sep}"  # where what it runs is called from; before that stands who called it
_INNERMOST = 4
_IN_CHILD = "it ran in a process of its own, which was killed"


CALLERS = "acidity-actor-"  # what the names of the threads of several callers begin with


class DidNotEnd(Unsettled):
    """A run took longer than it may; the message holds the stack where it stood, unless that was in another process."""


@dataclass(slots=True)
class _Limit:
    """The time limit of one run.

    Attributes:
        name: of what runs.
        seconds: how long it may take.
        thread: which one runs it.
        child: a process that runs it instead; 0 for none.
        began: when, by the monotonic clock.
        stood: the stack where it was ended; empty while it has time.
        tried: when it was last tried to end it.
    """

    name: str
    seconds: float
    thread: int
    child: int = 0
    began: float = field(default_factory=time.monotonic)
    stood: str = ""
    tried: float = 0.0

    @property
    def over(self) -> float:
        """For how many seconds it should have ended."""
        return time.monotonic() - self.began - self.seconds


class Overseer:
    """Watches one check, from `start` to `close`.

    Args:
        rescue: closes the sessions of the operations from outside; with True, also those of the check itself. It is
            called in the overseer's thread.
    """

    def __init__(self, rescue: Callable[[bool], None]) -> None:
        self._rescue = rescue
        self._lock = threading.RLock()
        self._ending = threading.Lock()  # held while a run is being ended from outside
        self._limit: _Limit | None = None
        self._signals: list[tuple[float, int]] = []
        self._handled = 0
        self._over = False
        self._is_main = threading.current_thread() is threading.main_thread()
        self._undo: list[Callable[[], Any]] = []
        self._handlers: dict[int, Any] = {}
        self._rescued = 0.0
        self._named = False
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._ear, self._mouth = socket.socketpair()

    def start(self) -> None:
        """Begin to watch; `close` is called whatever comes of it."""
        for end in (self._ear, self._mouth):
            end.setblocking(False)
        if self._is_main:
            self._handlers = {number: signal.getsignal(number) for number in _HEARD}
            before = signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)
            if before != -1:  # somebody else listens there, such as an event loop
                signal.set_wakeup_fd(before, warn_on_full_buffer=False)
            else:
                self._undo.append(lambda: signal.set_wakeup_fd(-1))
                _listening.append(self)
            if _KNOCK is not None:
                handler = signal.signal(_KNOCK, self._knocked)
                self._undo.append(lambda: signal.signal(_KNOCK, handler))
        self._thread = threading.Thread(target=self._watch, name="acidity-overseer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Watch no more; a forked child has nothing to close."""
        if self._pid != os.getpid():
            return
        with self._lock:
            self._over = True
        for undo in self._undo:
            undo()
        if self in _listening:
            _listening.remove(self)
        with suppress(OSError):
            self._mouth.send(b"\0")
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()
        self._ear.close()
        self._mouth.close()

    # A check that was told to stop

    def leave_if_told(self) -> None:
        """Raise what a signal meant whose exception was lost on the way.

        Raises:
            KeyboardInterrupt: it was Ctrl-C.
            Terminated: it was another one.
        """
        self._hear()
        with self._lock:
            if self._handled >= len(self._signals):
                return
            self._handled = len(self._signals)
            number = self._signals[-1][1]
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(128 + number)

    @contextmanager
    def blaming_signals(self) -> Iterator[None]:
        """An error after a signal comes from the end of sessions from outside, and means what the signal meant.

        Raises:
            KeyboardInterrupt: see `leave_if_told`; also `Terminated`.
        """
        try:
            yield
        except Exception:
            self.leave_if_told()
            raise

    def _listen_again(self) -> None:
        """The program may have set handlers of its own in its run, or listened to signals with a loop of its own."""
        if not self._is_main or self._pid != os.getpid():
            return
        for number, handler in self._handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        if self in _listening:
            signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)

    def heard(self) -> None:
        """The check knows of every signal until now, and comes to its end."""
        self._hear()
        with self._lock:
            self._handled = len(self._signals)

    def _hear(self) -> None:
        with self._lock, suppress(OSError):
            for number in self._ear.recv(4096):
                recent = self._signals and time.monotonic() - self._signals[-1][0] < _SPACING_S
                if number in _HEARD and not recent:
                    self._signals.append((time.monotonic(), number))

    # A run that does not end

    @contextmanager
    def limiting(self, name: str, seconds: float) -> Iterator[None]:
        """A run, or other code of the program's, takes place here, in this thread; within another limit that one holds.

        Raises:
            DidNotEnd: it did not by itself.
        """
        if self._limit is not None:
            yield
            return
        limit = _Limit(name, seconds, threading.get_ident())
        with self._lock:
            self._limit = limit
        try:
            yield
        except BaseException:
            self._end_of(limit)
            raise
        self._end_of(limit)

    def _end_of(self, limit: _Limit) -> None:
        self._listen_again()
        with self._lock:
            self._limit = None
        with self._ending:  # sessions are no longer being ended: the next one belongs to the next run
            pass
        if limit.stood and self._handled >= len(self._signals):
            where = _IN_CHILD if limit.child else f"it stood at {limit.stood}"
            raise DidNotEnd(f"did not end within {limit.seconds:g} s; {where}") from None

    def forget(self) -> None:
        """This is a child process: nobody watches here, and whoever held a lock in the parent has no thread here."""
        self._lock, self._ending, self._limit = threading.RLock(), threading.Lock(), None

    def in_child(self, pid: int) -> None:
        """The run takes place in this process."""
        with self._lock:
            if self._limit is not None:
                self._limit.child = pid

    def _knocked(self, _number: int, _frame: FrameType | None) -> None:
        """In the main thread, wherever it waits."""
        limit = self._limit
        if limit is not None and limit.stood:
            raise RunTimedOut

    # The thread

    def _watch(self) -> None:
        while True:
            with suppress(OSError, ValueError):
                select.select([self._ear], [], [], self._pause())
            self._hear()
            with self._lock:
                if self._over:
                    return
                limit, told = self._limit, list(self._signals)
            if told:
                self._stop(told)
            if limit is not None and limit.over >= 0:
                with self._ending:
                    self._end(limit)

    def _pause(self) -> float:
        """Seconds until there may be something to do."""
        with self._lock:
            if self._signals:
                return 0.1
            return 0.5 if self._limit is None else min(max(-self._limit.over, 0.05), 0.5)

    def _stop(self, told: list[tuple[float, int]]) -> None:
        began, number = told[0]
        if len(told) > 1 and getattr(signal.getsignal(signal.SIGTERM), "ends_at_once", False):
            _say("acidity: stopped at once; what is left is removed by the next start")
            end_at_once(128 + number)
        since = time.monotonic() - began
        if since >= PATIENCE_S and time.monotonic() - self._rescued >= PATIENCE_S:
            self._rescued = time.monotonic()
            self._try_to_rescue(since >= LEFT_S)
        if since >= LEFT_S and not self._named:
            self._named = True
            stands = _stack_of(threading.main_thread().ident)
            _say(f"acidity: still stopping, at {stands}; a second signal ends it at once")

    def _end(self, limit: _Limit) -> None:
        if limit.tried and time.monotonic() - limit.tried < PATIENCE_S / 2:
            return
        with self._lock:
            if self._limit is not limit:  # it has come to its end meanwhile
                return
        limit.stood = limit.stood or _where(limit.thread)
        limit.tried = time.monotonic()
        if limit.child:
            with suppress(ProcessLookupError):
                os.kill(limit.child, signal.SIGKILL)
            self._try_to_rescue(everything=False)  # a server may not notice that its client has gone
            return
        self._try_to_rescue(everything=False)
        with self._lock:
            if self._limit is not limit:
                return
            if limit.thread == threading.main_thread().ident and self._is_main and _KNOCK is not None:
                signal.pthread_kill(limit.thread, _KNOCK)
            else:
                _raise_in(limit.thread)
        if limit.over > GIVES_UP_S and getattr(signal.getsignal(signal.SIGTERM), "ends_at_once", False):
            why = f"{limit.name} did not end, and cannot be ended; it stands at {limit.stood}"
            _say(f"acidity: unknown: {why}")
            end_at_once(part(why, 3))

    def _try_to_rescue(self, everything: bool) -> None:  # noqa: FBT001
        with suppress(Exception):
            self._rescue(everything)


_listening: list[Overseer] = []


def _forget() -> None:
    """A forked child writes its own signals nowhere."""
    if _listening:
        _listening.clear()
        signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_forget)


def _raise_in(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(RunTimedOut))


def _where(thread: int) -> str:
    """Where a run stands: each of several callers in its thread, or the only one in the thread of the check."""
    callers = {each.name: each.ident for each in threading.enumerate() if each.name.startswith(CALLERS)}
    stands = [f"{_stack_of(callers[name])} ({name.removeprefix(CALLERS)})" for name in sorted(callers)]
    return "; ".join(stands) or _stack_of(thread)


def _stack_of(thread: int | None) -> str:
    """The innermost line of the user's in what a run has called, and the innermost within it of all but acidity's own.

    Where neither is there, the innermost lines of all.
    """
    frame = innermost_frame(thread)
    stack = traceback.extract_stack(frame) if frame is not None else []
    began = next((place for place, line in enumerate(stack) if line.filename.startswith(_RUNS)), len(stack))
    run = [line for line in stack[began:] if not line.filename.startswith(_OURS)]
    last = max((place for place, line in enumerate(run) if is_user_code(line.filename)), default=-1)
    user, inner = run[last : last + 1], run[last + 1 :]
    within = " < ".join(map(_said, reversed((inner if run else stack)[-_INNERMOST:])))
    return ", within it at ".join([*map(_said, user), *([within] if within else [])])


def _said(line: traceback.FrameSummary) -> str:
    """``file:line in function``."""
    return f"{os.path.basename(line.filename)}:{line.lineno} in {line.name}"  # noqa: PTH119


def _say(text: str) -> None:
    with suppress(Exception), aloud():
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
