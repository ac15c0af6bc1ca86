"""COMMIT after the last write of a transaction that nobody commits, a Call like any other, so that faults strike it.

Where that write is within savepoints, COMMIT comes after the last of them is released: it would end them all.
"""

from __future__ import annotations

from acidity.adapters.seam import Layer, PendingCall
from acidity.core.call import Call, History, Kind
from acidity.core.cause import CauseKind
from acidity.prove.remedies.base import Misfit, Patient, RemedyTrial, ask_beside

_END_OF_SAVEPOINTS = frozenset({Kind.RELEASE, Kind.ROLLBACK_TO})


class _Commit(Layer):
    def __init__(self, patient: Patient) -> None:
        super().__init__()
        self._last = never_committed(patient.history)

    def intercept(self, pending: PendingCall) -> None:
        self.inner.intercept(pending)
        wire, call = pending.wire, pending.call
        if wire is not None and self._last.get(call.index) is call.kind and (call.writes or _ends_a_savepoint(call)):
            pending.after = lambda: ask_beside(pending, Kind.COMMIT, "", wire.commit)


def never_committed(history: History) -> dict[int, Kind]:
    """The last writes on their connections, if no COMMIT comes after them, or what ends a savepoint after these.

    Returns:
        The number of each → its kind.
    """
    last: dict[int, Call] = {}
    for event in history:
        call = event.call
        if call.commits or call.kind is Kind.PREPARE:
            last.pop(call.connection, None)
        elif event.reply.status == "ok" and (call.writes or (call.connection in last and _ends_a_savepoint(call))):
            last[call.connection] = call
    return {call.index: call.kind for call in last.values()}


def _ends_a_savepoint(call: Call) -> bool:
    return call.kind in _END_OF_SAVEPOINTS


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
