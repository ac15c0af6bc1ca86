"""COMMIT after the last write of a transaction that nobody commits, a Call like any other, so that faults strike it."""

from __future__ import annotations

from acidity.adapters.seam import Layer, PendingCall
from acidity.core.call import History, Kind
from acidity.core.cause import CauseKind
from acidity.prove.remedies.base import Misfit, Patient, RemedyTrial, ask_beside


class _Commit(Layer):
    def __init__(self, patient: Patient) -> None:
        super().__init__()
        self._last = never_committed(patient.history)

    def intercept(self, pending: PendingCall) -> None:
        self.inner.intercept(pending)
        wire = pending.wire
        if wire is not None and pending.call.index in self._last and pending.call.writes:
            pending.after = lambda: ask_beside(pending, Kind.COMMIT, "", wire.commit)


def never_committed(history: History) -> set[int]:
    """The numbers of the writes that are the last ones on their connection, and after which no COMMIT comes."""
    last: dict[int, int] = {}
    for event in history:
        call = event.call
        if call.commits or call.kind is Kind.PREPARE:
            last.pop(call.connection, None)
        elif call.writes and event.reply.status == "ok":
            last[call.connection] = call.index
    return set(last.values())


def _misfit(patient: Patient) -> Misfit | None:
    if never_committed(patient.history):
        return None
    return Misfit("a COMMIT comes after each of its writes", worth_saying=False)


TRIAL = RemedyTrial(
    name="COMMIT after the last write",
    kinds=frozenset({CauseKind.MISSING_COMMIT}),
    misfit=_misfit,
    interceptor=_Commit,
)
