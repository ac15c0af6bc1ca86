"""Roll back after a failed COMMIT, before the connection goes back to the pool.

A block (``session.begin()``) does so too, but only for the COMMIT at its own end: with a ``commit()`` left in it
nothing is mended. So the words name the line that commits.
"""

from __future__ import annotations

from contextlib import suppress

from acidity.adapters.seam import Layer, PendingCall
from acidity.core.call import Kind
from acidity.core.cause import CauseKind
from acidity.prove.remedies.base import Misfit, Patient, RemedyTrial


class _RollBackAfterFailedCommit(Layer):
    def failed(self, pending: PendingCall) -> None:
        if pending.call.kind is Kind.COMMIT and pending.wire is not None:
            with suppress(Exception):
                pending.wire.rollback()
        self.inner.failed(pending)


def _misfit(patient: Patient) -> Misfit | None:
    if any(event.call.kind is Kind.COMMIT for event in patient.history):
        return None
    return Misfit("it sends no COMMIT", worth_saying=False)


TRIAL = RemedyTrial(
    name="roll back after a failed COMMIT: rollback() in an `except`, and then `raise`, right around commit()",
    kinds=frozenset({CauseKind.COMMIT_LEFT_OPEN}),
    misfit=_misfit,
    interceptor=lambda _: _RollBackAfterFailedCommit(),
)
