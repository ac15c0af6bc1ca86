"""BEGIN for autocommit code: one transaction from its first write to its last, with a COMMIT after that.

Both are Calls like any other, so that faults strike them, too. A COMMIT of the program's own did nothing while every
write was committed by itself: one that comes before the last write is held back, and one that comes after it is the
COMMIT. What is open when the operation ends is rolled back.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from acidity.adapters.seam import Layer, PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Event, Kind
from acidity.core.cause import CauseKind
from acidity.engines.speech import speech_of
from acidity.prove.remedies.base import Misfit, Patient, RemedyTrial, ask_beside


class _Begin(Layer):
    def __init__(self, patient: Patient) -> None:
        super().__init__()
        self._left = len(_writes(patient))
        self._commits_itself = _commits_at_the_end(patient)
        self._counted = 0
        self._over = False
        self._open: LiveConnection | None = None

    def intercept(self, pending: PendingCall) -> None:
        call = pending.call
        if call.kind is Kind.COMMIT and self._open is not None and self._open is pending.wire:
            if self._left <= 0:
                wire, self._open = self._open, None  # nobody rolls back a COMMIT that is refused, unless it does
                wire.send("COMMIT")  # where every write commits by itself, the library may send none
            return
        if call.kind is Kind.ROLLBACK:
            self._open, self._over = None, True
        if not call.writes or call.kind is not Kind.STATEMENT or pending.wire is None:
            self.inner.intercept(pending)
            return
        self._count(pending)
        if self._open is None and call.autocommit and not self._over and self._left >= 0:
            ask_beside(pending, Kind.BEGIN, "BEGIN")
            self._open = pending.wire
        pending.call = replace(call, autocommit=call.autocommit and self._open is not pending.wire)
        self.inner.intercept(pending)
        if not self._left and not self._commits_itself and self._open is pending.wire:
            pending.after = lambda: self._commit(pending)

    def _commit(self, pending: PendingCall) -> None:
        self._open = None
        ask_beside(pending, Kind.COMMIT, "COMMIT")

    def _count(self, pending: PendingCall) -> None:
        """One write less is to come, whether it was struck before it came here or not."""
        if pending.call.index > self._counted:
            self._counted = pending.call.index
            self._left -= 1

    def failed(self, pending: PendingCall) -> None:
        if pending.call.writes and pending.call.kind is Kind.STATEMENT:
            self._count(pending)
        self.inner.failed(pending)

    def keeps_open(self, wire: LiveConnection) -> bool:
        return self._open is wire or self.inner.keeps_open(wire)

    def finish(self) -> None:
        if self._open is not None:
            with suppress(Exception):
                self._open.rollback()
            self._open = None
        self.inner.finish()


def _by_themselves(patient: Patient) -> list[Event]:
    return [event for event in patient.history if event.call.autocommit and event.call.kind is Kind.STATEMENT]


def _writes(patient: Patient) -> list[Event]:
    return [event for event in patient.history if event.call.writes and event.call.kind is Kind.STATEMENT]


def _commits_at_the_end(patient: Patient) -> bool:
    """Whether the program sends a COMMIT after its last write, which did nothing so far."""
    last = max((event.call.index for event in _writes(patient)), default=0)
    return any(event.call.kind is Kind.COMMIT and event.call.index > last for event in patient.history)


def _misfit(patient: Patient) -> Misfit | None:
    alone, writes = _by_themselves(patient), _writes(patient)
    if len(writes) < 2 or not alone:
        return Misfit("it has one write", worth_saying=False)
    if any(speech_of(patient.engines[event.call.database]).meaning(event.call.sql).commits for event in alone):
        return Misfit("a statement of it commits whatever is open (DDL on this engine), in a transaction, too")
    if len({(event.call.database, event.call.connection) for event in writes}) > 1:
        return Misfit("its writes go over several connections, and a transaction is of one")
    if any(event.call.kind in {Kind.BEGIN, Kind.SAVEPOINT} for event in patient.history):
        return Misfit("it begins transactions of its own")
    return None


TRIAL = RemedyTrial(
    name="BEGIN before the first write and COMMIT after the last, instead of autocommit",
    kinds=frozenset({CauseKind.AUTOCOMMIT, CauseKind.DDL}),
    misfit=_misfit,
    interceptor=_Begin,
)
