"""The `Gate` of one caller: it holds each of its Calls until somebody grants it, and knows where the caller is.

A caller waits at its gate outside everything that belongs to a driver, so that what is its own, and what the others
do meanwhile, stay apart. How it waits is its `Baton`'s business.
"""

from __future__ import annotations

import re
from asyncio import Future, current_task, get_running_loop
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock, get_ident

from acidity.adapters.seam import Layer, PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Kind
from acidity.engines.codes import code_of
from acidity.engines.speech import ErrorClass, speech_of
from acidity.prove.stage.naps import watch_clocks

_SETS_PATIENCE = re.compile(r"\bbusy_timeout\s*[=(]", re.IGNORECASE)


class Place(Enum):
    """Where a caller is.

    Attributes:
        OUTSIDE: it has not begun.
        PYTHON: its own code runs, or waits for something that is no database.
        GATE: it holds a Call that nobody has granted.
        FLIGHT: its Call is at the database, which works on it or lets it wait.
        REFUSED: the database refused its Call as busy; it is to try again when others have gone on.
        GONE: it has ended.
    """

    OUTSIDE = "outside"
    PYTHON = "python"
    GATE = "gate"
    FLIGHT = "flight"
    REFUSED = "refused"
    GONE = "gone"

    __hash__ = object.__hash__  # a place is asked for all the time, and Enum's own hash is one of Python's


class Abandoned(BaseException):
    """The run is given up; nothing that handles errors may keep it."""


class Baton:
    """What a caller waits for at its gate: a lock in a thread, a future in a task.

    Which of the two is decided each time: a web application answers a request in a task, and may do the work in a
    thread.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._lock.acquire()
        self._future: Future[None] | None = None

    def can_be_taken(self) -> bool:
        """Whether the caller can wait here: not in a task that has called a function which cannot let others go on."""
        try:
            get_running_loop()
        except RuntimeError:
            return True
        from sqlalchemy.util.concurrency import in_greenlet

        return in_greenlet()

    def prepare(self) -> None:
        """Say how it will be taken; asked by the caller, before anybody may hand it over."""
        try:
            self._future = get_running_loop().create_future()
        except RuntimeError:
            self._future = None

    def take(self) -> None:
        """Wait until it is handed over; in a task below SQLAlchemy or an adapter, in a greenlet of the loop."""
        if self._future is None:
            self._lock.acquire()
            return
        from sqlalchemy.util import await_only

        await_only(self._future)

    def hand_over(self) -> None:
        """Let the caller go; asked by the controller, in any thread."""
        if self._future is None:
            self._lock.release()
        else:
            self._future.get_loop().call_soon_threadsafe(_set, self._future)


def _set(future: Future[None]) -> None:
    if not future.done():  # a task that was cancelled meanwhile no longer waits
        future.set_result(None)


def _here() -> tuple[int, int]:
    """What tells the tasks and threads of one caller apart."""
    try:
        return get_ident(), id(current_task())
    except RuntimeError:  # no loop runs in this thread
        return get_ident(), 0


@dataclass(slots=True)
class Gate(Layer):
    """Holds one caller at each of its Calls.

    Attributes:
        name: the letter of the caller.
        baton: what it waits for.
        ring: tells the controller that it has come to another place.
        place: where it is.
        pending: the Call that it holds, or that is in flight.
        others_wait: somebody waits for a lock just now, so that the next Call may close a cycle.
        begins: it was let go before its first Call, which it makes at once.
        abandoned: it shall come to its end.
        gives_up: a refused Call is not tried again.
        crowded: it made a Call beside another one of its own, in a task or thread that it has begun; a gate holds one.
        hasty: it made a Call that blocks the event loop, after others could have gone on without anybody letting them.
        blocking: the lines of the program at which it blocked the event loop.
        asks: the caller is known to limit how long it waits; whether it does is asked before each statement.
        brief: it does in the Call that is in flight, which is refused, and never waits for long.
    """

    name: str
    baton: Baton
    ring: Callable[[], None]
    place: Place = Place.OUTSIDE
    pending: PendingCall | None = None
    others_wait: bool = False
    begins: bool = False
    abandoned: bool = False
    gives_up: bool = False
    crowded: bool = False
    hasty: bool = False
    blocking: dict[str, None] = field(default_factory=dict)
    asks: bool = False
    brief: bool = False
    _undisturbed: bool = True
    _holder: tuple[int, int] | None = None
    _reads: set[int] = field(default_factory=set)

    def intercept(self, pending: PendingCall) -> None:
        """Wait for the grant, then let the Call take place."""
        wire = pending.wire
        before, here = self._holder, _here()
        elsewhere = before is not None and before != here
        if wire is None and (elsewhere or not self.baton.can_be_taken()):
            self.inner.intercept(pending)
            return
        if elsewhere:
            self.crowded = True
            self.ring()
            raise Abandoned
        if wire is not None and not self.baton.can_be_taken():
            self._block(pending)
            return
        self._holder, self._undisturbed = here, False
        try:
            self._hold(pending)
            if wire is not None:
                self._send(pending, wire)
                return
        finally:
            self._holder = before
        self.inner.intercept(pending)  # an effect, which may make Calls itself, in any thread

    def _block(self, pending: PendingCall) -> None:
        """A plain call in a coroutine: until the loop has its turn, nobody else can go on, and nobody is asked."""
        if self.abandoned:
            raise Abandoned
        if not self._undisturbed:
            self.hasty = True
            self.ring()
            raise Abandoned
        self.begins = False
        self.blocking[str(pending.call.site or "")] = None
        self.pending, self.place = pending, Place.FLIGHT
        try:
            self.inner.intercept(pending)
        finally:
            self.place = Place.PYTHON
            get_running_loop().call_soon(self._is_disturbed)

    def _is_disturbed(self) -> None:
        """The loop has its turn."""
        self._undisturbed = False

    def _hold(self, pending: PendingCall) -> None:
        self.pending = pending
        if self.begins and not self.abandoned:
            self.begins = False
        else:
            self._park(Place.GATE)
            watch_clocks()

    def _send(self, pending: PendingCall, wire: LiveConnection) -> None:
        self.place = Place.FLIGHT
        try:
            if wire.make_impatient() is not None:
                self._try(pending, wire)
                return
            if pending.call.kind is Kind.STATEMENT:
                self.brief = self.asks and wire.waits_briefly()
                if self.others_wait:
                    wire.about_to_wait()
            self.inner.intercept(pending)
        finally:
            self.place, self.brief = Place.PYTHON, False

    def end(self) -> None:
        """The caller has ended, in whatever way; its last Call holds its cursor no longer."""
        self.pending = None
        self.place = Place.GONE
        self.ring()

    def _park(self, place: Place) -> None:
        if self.abandoned:
            raise Abandoned
        self.baton.prepare()
        self.place = place
        self.ring()
        self.baton.take()
        if self.abandoned:
            raise Abandoned

    # A database that refuses instead of letting wait (sqlite.org/c3ref/busy_handler.html)

    def _try(self, pending: PendingCall, wire: LiveConnection) -> None:
        """Let it take place; a Call that would have been tried again is, when others have gone on."""
        while True:
            holds = id(wire) in self._reads
            try:
                self.inner.intercept(pending)
            except Exception as error:
                if not self._would_wait(error, pending, wire, holds=holds):
                    raise
                self._park(Place.REFUSED)
                if self.gives_up:
                    self.gives_up = False
                    raise
                self.place = Place.FLIGHT
                continue
            self._note(pending, wire)
            return

    def _would_wait(self, error: Exception, pending: PendingCall, wire: LiveConnection, *, holds: bool) -> bool:
        """SQLite asks its busy handler only while the connection holds no read lock, and for a COMMIT."""
        if speech_of(wire.engine).errors.get(code_of(error)) is not ErrorClass.BUSY:
            return False
        return bool(wire.make_impatient()) and (not holds or pending.call.kind is Kind.COMMIT)

    def _note(self, pending: PendingCall, wire: LiveConnection) -> None:
        """Keep whether the transaction of this connection holds a read lock now, and how long it waits."""
        if _SETS_PATIENCE.search(pending.call.sql):
            wire.is_set()
        if pending.call.kind is Kind.STATEMENT and wire.in_transaction():
            self._reads.add(id(wire))
        elif not wire.in_transaction():
            self._reads.discard(id(wire))
