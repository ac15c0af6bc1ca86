"""A savepoint per row, for a loader that goes on after a bad one: its ROLLBACK becomes ROLLBACK TO.

A savepoint is set after every write that succeeds, so that there is one whatever the next does. The BEGIN that the
program sends after its ROLLBACK is not sent, as the transaction is still open.
"""

from __future__ import annotations

from contextlib import suppress

from acidity.adapters.seam import Layer, PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import History, Kind
from acidity.core.cause import CauseKind
from acidity.prove.remedies.base import Misfit, Patient, RemedyTrial, becomes

_NAME = "acidity_row"


class _SavepointPerRow(Layer):
    def __init__(self, patient: Patient) -> None:
        super().__init__()
        self._patient = patient
        self._set: LiveConnection | None = None
        self._failed = self._kept = False

    def intercept(self, pending: PendingCall) -> None:
        wire, kind = pending.wire, pending.call.kind
        if wire is None or (self._set is not None and wire is not self._set):
            self.inner.intercept(pending)
        elif kind is Kind.ROLLBACK and self._set is wire and self._failed:
            becomes(pending, Kind.ROLLBACK_TO)
            wire.send(f"ROLLBACK TO SAVEPOINT {_NAME}")
            self._failed, self._kept = False, True
            self._patient.did = "the program's ROLLBACK became ROLLBACK TO"
        elif kind is Kind.BEGIN and self._kept:
            self._kept = False
        else:
            if kind in {Kind.COMMIT, Kind.ROLLBACK}:  # what a refused COMMIT leaves open is the program's to roll back
                self._set, self._failed, self._kept = None, False, False
            self.inner.intercept(pending)
            if kind is Kind.STATEMENT and pending.call.writes and not pending.call.autocommit:
                pending.after = lambda: self._mark(wire)

    def _mark(self, wire: LiveConnection) -> None:
        if self._set is wire:
            wire.send(f"RELEASE SAVEPOINT {_NAME}")
        wire.send(f"SAVEPOINT {_NAME}")
        self._set, self._kept = wire, False

    def failed(self, pending: PendingCall) -> None:
        self._failed = self._failed or (pending.wire is self._set and pending.call.kind is not Kind.COMMIT)
        self.inner.failed(pending)

    def finish(self) -> None:
        if self._set is not None:
            with suppress(Exception):
                self._set.rollback()
            self._set = None
        self.inner.finish()


def _goes_on_after_a_rollback(history: History) -> bool:
    """Whether after an error and a ROLLBACK it writes again on that connection, and commits."""
    failed: set[int] = set()
    rolled_back: set[int] = set()
    written: set[int] = set()
    for event in history:
        call = event.call
        if event.reply.status != "ok":
            failed.add(call.connection)
        elif call.kind is Kind.ROLLBACK and call.connection in failed:
            rolled_back.add(call.connection)
        elif call.writes and call.connection in rolled_back:
            written.add(call.connection)
        elif call.kind is Kind.COMMIT and call.connection in written:
            return True
    return False


def _misfit(patient: Patient) -> Misfit | None:
    if any(map(_goes_on_after_a_rollback, patient.seen)):
        return None
    return Misfit("it does not go on after a ROLLBACK", worth_saying=False)


TRIAL = RemedyTrial(
    name="a savepoint per row: roll back to it, and keep the rows before it",
    kinds=frozenset({CauseKind.SWALLOWED_ERROR, CauseKind.CLEAN_RUN}),
    misfit=_misfit,
    interceptor=_SavepointPerRow,
)
