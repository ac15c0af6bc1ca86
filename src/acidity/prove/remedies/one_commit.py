"""One COMMIT instead of several: every COMMIT but the last is held back, on one connection.

A COMMIT that is held back leaves its transaction open, so the pool's reset of that connection is held back too, and the
next unit of work continues in it. What was held back and never committed is rolled back when the operation ends. Units
that have a connection each, at once or one after the other, cannot be joined this way.
"""

from __future__ import annotations

from contextlib import suppress

from acidity.adapters.seam import Layer, PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Kind
from acidity.core.cause import CauseKind
from acidity.prove.remedies.base import Misfit, Patient, RemedyTrial


class _OneCommit(Layer):
    def __init__(self, last: int) -> None:
        super().__init__()
        self._last = last
        self._over = False
        self._held: LiveConnection | None = None

    def intercept(self, pending: PendingCall) -> None:
        kind = pending.call.kind
        if kind is Kind.COMMIT:
            if pending.call.index < self._last and not self._over:
                self._held = pending.wire
                return
            self._held = None
        elif kind is Kind.ROLLBACK and self._held in {None, pending.wire}:
            self._held = None
            self._over = True
        self.inner.intercept(pending)

    def keeps_open(self, wire: LiveConnection) -> bool:
        return self._held is wire or self.inner.keeps_open(wire)

    def finish(self) -> None:
        if self._held is not None:
            with suppress(Exception):
                self._held.rollback()
            self._held = None
        self.inner.finish()


def _commits(patient: Patient) -> list[int]:
    return [event.call.index for event in patient.history if event.call.kind is Kind.COMMIT]


def _misfit(patient: Patient) -> Misfit | None:
    history = patient.history
    written = {event.call.connection for event in history if event.call.writes}
    commits = {event.call.connection for event in history if event.call.kind is Kind.COMMIT}
    if len(_commits(patient)) < 2:
        return Misfit("it has one COMMIT", worth_saying=False)
    if len({event.call.database for event in history if event.call.writes}) > 1:
        return Misfit(
            "its rows are in several databases, and one COMMIT reaches one: two-phase commit, a saga or an outbox can"
        )
    if len(written | commits) > 1:
        return Misfit("its commits go over several connections, and a transaction is of one")
    return None


TRIAL = RemedyTrial(
    name="one commit instead of several: make both changes in one transaction",
    kinds=frozenset({CauseKind.SEVERAL_COMMITS}),
    misfit=_misfit,
    interceptor=lambda patient: _OneCommit(_commits(patient)[-1]),
)
