"""A process that is provably the one acidity started: number, start time, and our directory in its command line.

A process number alone proves nothing, because the kernel uses numbers again. A signal goes through a ``pidfd`` that was
opened before the proof was looked at, so that it reaches the process that was looked at or none.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from acidity.errors import EngineUnavailable

_MOMENTS = 1000


@dataclass(frozen=True, slots=True)
class OwnProcess:
    """What was written down about a process of ours.

    Attributes:
        pid: its number.
        started: when the kernel started it, in clock ticks since boot.
        directory: a directory of acidity's that stands in its command line.
        abrupt: the signals that make it end at once and still clean up what lies outside its directory.
    """

    pid: int
    started: int
    directory: Path
    abrupt: tuple[int, ...] = ()

    def lives(self) -> bool:
        """Whether that process runs now: the same start time, and a command line that names the directory."""
        for _ in range(_MOMENTS):
            try:
                line = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
                command = Path(f"/proc/{self.pid}/cmdline").read_bytes()
            except OSError:
                return False
            if identity(line) != (self.pid, self.started):
                return False
            if command:
                return os.fsencode(self.directory) in command
            time.sleep(0.001)  # it has none for a moment, between one program and the next
        return False

    def end(self, signals: Sequence[int] | None = None, patience: float = 5.0) -> None:
        """Send `signals` (default: `abrupt`) and SIGKILL last, until it has gone; touch nothing that is not ours."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            gone = select.poll()
            gone.register(handle, select.POLLIN)
            for number in (*(self.abrupt if signals is None else signals), signal.SIGKILL):
                if not self.lives():
                    break
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, number)
                if gone.poll(patience * 1000):
                    break
        finally:
            os.close(handle)
        with suppress(ChildProcessError):  # it may be a child of another process, or of one that has ended
            os.waitpid(self.pid, os.WNOHANG)

    def kill_family(self, patience: float = 10.0) -> None:
        """SIGKILL for it and for every process that it has started; it is stopped before, so that it starts no more.

        Each of them is looked at once more through a handle that was opened before, as in `end`.
        """
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        handles = [handle]
        try:
            if not self.lives():
                return
            signal.pidfd_send_signal(handle, signal.SIGSTOP)
            handles += [child for child in map(self._handle_of_child, _children(self.pid)) if child >= 0]
            for each in reversed(handles):
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(each, signal.SIGKILL)
            for each in handles:
                gone = select.poll()
                gone.register(each, select.POLLIN)
                gone.poll(patience * 1000)
        finally:
            for each in handles:
                os.close(each)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)

    def _handle_of_child(self, pid: int) -> int:
        """A handle of what is its child even after the handle was opened; -1 where it is none."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return -1
        if parent_of(pid) == self.pid:
            return handle
        os.close(handle)
        return -1


def _children(pid: int) -> list[int]:
    """The processes that this one has started and that live now."""
    numbers = (int(entry) for entry in os.listdir("/proc") if entry.isdecimal())  # noqa: PTH208 - names are enough
    return [number for number in numbers if parent_of(number) == pid]


def parent_of(pid: int) -> int:
    """The number of the process that started this one; 0 when it has gone."""
    with suppress(OSError, ValueError, IndexError):
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(line.rpartition(")")[2].split()[1])
    return 0


def identity(stat: str) -> tuple[int, int] | None:
    """Number and start time from a line of ``/proc/<pid>/stat``; None for a zombie and for what is no such line."""
    head, _, tail = stat.rpartition(")")  # the name between the parentheses may contain anything
    fields = tail.split()
    with suppress(ValueError, IndexError):
        if fields[0] not in "ZX":
            return int(head.split(" ", 1)[0]), int(fields[19])
    return None


def require_proof() -> None:
    """Refuse where a process could not be told from another one.

    Raises:
        EngineUnavailable: this is not a Linux with ``/proc`` and ``pidfd``.
    """
    try:
        os.close(os.pidfd_open(os.getpid()))
        proved = identity(Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace")) is not None
    except (AttributeError, OSError):
        proved = False
    if not proved:
        raise EngineUnavailable(
            "a private server needs Linux 5.3 or newer with /proc, to be stopped with certainty; "
            "name a running server instead, in ACIDITY_POSTGRESQL_URL or ACIDITY_MARIADB_URL"
        )
