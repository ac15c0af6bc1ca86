"""Roll back on the error path instead of COMMIT: after an error COMMIT becomes ROLLBACK, and the error is raised there.

That is rollback() in ``except``, and then ``raise``: who only rolls back, and answers as if all were well, tells
the caller of what is not there. A ROLLBACK of the program's own ends the error path, and what was sent again on another
connection is not on it. One to a savepoint ends it only after an error that the clean run has, too: with the change the
program would not go on after any other.
"""

from __future__ import annotations

import sys

from acidity.adapters.seam import Layer, PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import History, Kind
from acidity.core.cause import CauseKind
from acidity.prove.remedies.base import Misfit, Patient, RemedyTrial, becomes


class _RollBackOnError(Layer):
    def __init__(self, patient: Patient) -> None:
        super().__init__()
        self._expected = {event.call.sql for event in patient.history if event.reply.status == "error"}
        self._is_expected = False
        self._used: list[LiveConnection] = []
        self._failed: list[LiveConnection] = []
        self._error: BaseException | None = None

    def intercept(self, pending: PendingCall) -> None:
        wire, kind = pending.wire, pending.call.kind
        if wire is not None and wire not in self._used:
            self._used.append(wire)
        if wire is not None and wire in self._failed:
            if kind is Kind.COMMIT:
                self._failed.remove(wire)
                becomes(pending, Kind.ROLLBACK)
                wire.rollback()
                if self._error is not None:
                    raise self._error
                return
            if kind is Kind.ROLLBACK or (kind is Kind.ROLLBACK_TO and self._is_expected):
                self._failed.remove(wire)
        self.inner.intercept(pending)

    def failed(self, pending: PendingCall) -> None:
        error = sys.exc_info()[1]
        if error is not self._error and pending.call.kind is not Kind.COMMIT:  # a failed COMMIT needs another change
            self._error = error
            self._is_expected = pending.call.sql in self._expected
            failed = self._used if pending.wire is None else [pending.wire]
            self._failed += [wire for wire in failed if wire not in self._failed]
        self.inner.failed(pending)


def _commits_after_an_error(history: History) -> bool:
    failed: set[int] = set()
    for event in history:
        call = event.call
        if event.reply.status != "ok" and call.kind is not Kind.COMMIT:
            failed.add(call.connection)
        elif call.kind is Kind.ROLLBACK:
            failed.discard(call.connection)
        elif call.kind is Kind.COMMIT and failed & {call.connection, 0}:
            return True
    return False


def _misfit(patient: Patient) -> Misfit | None:
    if any(map(_commits_after_an_error, patient.seen)):
        return None
    return Misfit("it commits nothing after an error", worth_saying=False)


TRIAL = RemedyTrial(
    name="roll back on the error path instead of COMMIT: rollback() in `except`, and then `raise`",
    kinds=frozenset({CauseKind.SWALLOWED_ERROR}),
    misfit=_misfit,
    interceptor=_RollBackOnError,
)
