"""A disk that refuses: one write, sync, truncation or deletion fails within a Call, once or from there on.

SQLite itself gets the result code that its VFS gives for an error of the disk or a full one, and the program gets what
its driver makes of that. Nothing of the refused request is done.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from acidity.adapters.seam import PendingCall
from acidity.core.schedule import FIRST, Choice
from acidity.errors import UsageError
from acidity.prove.crash.log import Kind, Log
from acidity.prove.crash.recorder import SUFFIXES
from acidity.prove.crash.shim import listen
from acidity.prove.drill.striker import Strike
from acidity.prove.faults.base import SENT, Fault, FaultContext, Rarity, SimpleFault

IO_ERROR, DISK_FULL = "io-error", "disk-full"
_CODES: Mapping[tuple[str, str], int] = {
    (IO_ERROR, "write"): 10 | 3 << 8,  # SQLITE_IOERR_WRITE
    (IO_ERROR, "sync"): 10 | 4 << 8,  # SQLITE_IOERR_FSYNC
    (IO_ERROR, "truncate"): 10 | 6 << 8,  # SQLITE_IOERR_TRUNCATE
    (IO_ERROR, "delete"): 10 | 10 << 8,  # SQLITE_IOERR_DELETE
    (DISK_FULL, "write"): 13,  # SQLITE_FULL; nothing else needs room, and a sync that finds none is an I/O error
}
REFUSED_MAX = 6  # requests of a run; then the disk is good: programs that ask again and again wait longer each time
NAMES = frozenset({IO_ERROR, DISK_FULL})
_SENTENCES = {IO_ERROR: "the disk has an error within {call}", DISK_FULL: "the disk is full within {call}"}
_DISK = "disk"  # what a run keeps that is made good when it has ended


class Refuser:
    """Hears one database through many runs, counts its requests within each Call, and refuses those it is told to.

    A context manager: nobody may have the database open when it is entered.

    Args:
        path: of the database.

    Attributes:
        requests: what was asked for since the last `watch`, in order.
        refused: how many of them were refused.
        refused_in_all: how many of the whole run were.
        last: the refusal of the last run, as a Schedule prints it.
    """

    def __init__(self, path: Path) -> None:
        real = os.path.realpath(path)
        self._files = frozenset(f"{real}{suffix}" for suffix in SUFFIXES)
        self._stop: Callable[[], None] = lambda: None
        self._wrong: Refusal | None = None
        self._lasting = False
        self.requests: list[str] = []
        self.refused = 0
        self.refused_in_all = 0
        self.last = Choice(FIRST)

    def __enter__(self) -> Self:
        self._stop = listen(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def watch(self, wrong: Refusal | None = None) -> None:
        """Count anew, and refuse this; nothing where it is None."""
        self.requests, self.refused, self._wrong = [], 0, wrong

    def close(self) -> None:
        """The disk is good again."""
        self._wrong = None

    # Tape

    def takes(self, path: str) -> bool:
        """The database and its journals."""
        return path in self._files

    def exists(self, path: str) -> bool:  # noqa: ARG002 - it does not matter
        """Nothing is recorded."""
        return True

    def refuses(self, path: str, request: str) -> int:  # noqa: ARG002 - a disk does not choose
        """The code, if this is the request that fails, or comes after it on a disk that stays bad."""
        self.requests.append(request)
        wrong = self._wrong
        if wrong is None or self.refused_in_all >= REFUSED_MAX:
            return 0
        code = wrong.code(len(self.requests), request)
        self.refused += code != 0
        self.refused_in_all += code != 0
        return code

    def opened(self, path: str, *, new: bool) -> None:
        """Nothing is recorded."""

    def written(self, path: str, offset: int, data: bytes) -> None:
        """Nothing is recorded."""

    def truncated(self, path: str, size: int) -> None:
        """Nothing is recorded."""

    def syncing(self) -> int:
        """Nothing is recorded."""
        return 0

    def synced(self, path: str, begun: int, *, directory: bool) -> None:
        """Nothing is recorded."""

    def deleted(self, path: str, *, directory: bool) -> None:
        """Nothing is recorded."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which request within a Call fails, and how.

    Attributes:
        name: `IO_ERROR` or `DISK_FULL`.
        number: which one of the requests of its Call, from 1; 0 is every one.
        request: what it is: ``write``, ``sync``, ``truncate`` or ``delete``.
        persistent: those after it fail, too.
    """

    name: str
    number: int
    request: str
    persistent: bool

    def code(self, number: int, request: str) -> int:
        """The result code of this request; 0 where it does not fail."""
        meant = number == self.number and request == self.request
        later = self.persistent and number > self.number
        return _CODES.get((self.name, request), 0) if meant or later else 0

    @property
    def state(self) -> str:
        """How a Schedule prints it, behind the ``@``."""
        return f"{self.number}.{self.request}"


def strikes_of(log: Log, refuser: Refuser) -> list[Strike]:
    """Every write, sync, truncation and deletion of a recording refused: once, and with all that comes after it.

    What SQLite asks for when a connection is closed is left out: nobody is told of that.
    """
    found = []
    for call, request, number in _requests(log):
        for name in (IO_ERROR, DISK_FULL):
            if (name, request) in _CODES:
                found += [strike(refuser, call, Refusal(name, number, request, lasts)) for lasts in (False, True)]
    return found


def _requests(log: Log) -> Iterator[tuple[int, str, int]]:
    """The Call, the request, and its number within the Call."""
    numbers: Counter[int] = Counter()
    over: set[int] = set()
    for entry in log.entries:
        if entry.kind is Kind.ANSWER:
            over.add(entry.call)
        elif entry.kind is not Kind.CREATE and entry.call and entry.call not in over:
            numbers[entry.call] += 1
            yield entry.call, entry.kind.value, numbers[entry.call]


def named(refuser: Refuser, choice: Choice) -> Strike:
    """The refusal that a Schedule names.

    Raises:
        UsageError: there is no such one.
    """
    number, _, request = choice.state.partition(".")
    if (choice.fault, request) not in _CODES or not int(number):
        raise UsageError(f"not a request that the disk refuses so: {choice} (as in ac1:A3!{IO_ERROR}@2.sync)")
    return strike(refuser, choice.calls, Refusal(choice.fault, int(number), request, choice.persistent))


def strike(refuser: Refuser, index: int, refusal: Refusal) -> Strike:
    """The disk refuses this within the Call of this number."""

    def refuse(pending: PendingCall, context: FaultContext) -> None:
        again = _DISK in context.kept
        context.kept[_DISK] = refuser
        context.mode = "simulated"
        if not again:
            refuser.refused_in_all = 0
        refuser.watch(replace(refusal, number=0) if again else refusal)
        refuser.last = strike(refuser, index, refusal).schedule.choices[0]
        try:
            pending.perform()
        finally:
            if pending.call.commits and refuser.refused:
                pending.answered = False  # an error of the disk does not say whether the COMMIT took place
            if not refuser.refused and not again:
                context.missed = "the Call writes in another way now"

    fault = SimpleFault(refusal.name, _SENTENCES[refusal.name], SENT, {"*": refuse}, True, rarity=Rarity.RARE)
    return Strike(cast("Fault", fault), index, refusal.persistent, state=refusal.state)
