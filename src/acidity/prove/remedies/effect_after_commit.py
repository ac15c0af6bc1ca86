"""Send the effect after COMMIT: what takes place outside the database waits for the next COMMIT that is acknowledged.

The program gets nothing in its place, so this cannot be tried where its answer is used. A ROLLBACK takes back what
waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from acidity.adapters.seam import ACTOR, Layer, PendingCall, request
from acidity.core.call import History, Kind
from acidity.core.cause import CauseKind
from acidity.prove.remedies.base import Misfit, Patient, RemedyTrial, place_of

USED = "its answer is used before COMMIT"


class AnswerUsedError(Exception):
    """The program looked at an answer that is not there yet."""


class Later:
    """Stands in for the answer of an effect that has not taken place yet; who looks at it needs it now."""

    __slots__ = ("_used",)

    def __init__(self, used: Callable[[], None]) -> None:
        self._used = used

    def _looked_at(self, *_: Any) -> NoReturn:
        self._used()
        raise AnswerUsedError(USED)

    __getattr__ = __getitem__ = __call__ = __contains__ = _looked_at
    __bool__ = __len__ = __iter__ = __repr__ = __str__ = __int__ = __float__ = __index__ = __hash__ = _looked_at
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __sub__ = __mod__ = _looked_at


class _EffectAfterCommit(Layer):
    def __init__(self, patient: Patient, last: int) -> None:
        super().__init__()
        self._patient = patient
        self._last = last
        self._sending = False
        self._waiting: list[PendingCall] = []

    def intercept(self, pending: PendingCall) -> None:
        kind = pending.call.kind
        if kind is Kind.EFFECT and not self._sending and pending.call.index < self._last:
            self._waiting.append(pending)
            pending.result = Later(self._spoil)
            return
        if kind is Kind.ROLLBACK:
            self._waiting.clear()
        self.inner.intercept(pending)
        if kind is Kind.COMMIT and self._waiting:
            pending.after = self._send

    def _spoil(self) -> None:
        self._patient.spoiled = USED

    def _send(self) -> None:
        """Each as a Call of its own, which a fault may strike."""
        actor = ACTOR.get()
        assert actor is not None, "the COMMIT was an actor's"
        waiting, self._waiting = self._waiting, []
        self._sending = True
        try:
            for effect in waiting:
                call = effect.call
                request(actor, Kind.EFFECT, call.sql, None, wire=None, place=place_of(call), send=effect.send)
        finally:
            self._sending = False

    def finish(self) -> None:
        self._waiting.clear()
        self.inner.finish()


def _last_commit(history: History) -> int:
    return max((event.call.index for event in history if event.call.kind is Kind.COMMIT), default=0)


def _misfit(patient: Patient) -> Misfit | None:
    last = _last_commit(patient.history)
    effects = [event.call.index for event in patient.history if event.call.kind is Kind.EFFECT]
    if not last:
        return Misfit("it sends no COMMIT")
    if not any(index < last for index in effects):
        return Misfit("no effect comes before its last COMMIT")
    return None


TRIAL = RemedyTrial(
    name="send the effect after COMMIT",
    kinds=frozenset({CauseKind.EFFECT}),
    misfit=_misfit,
    interceptor=lambda patient: _EffectAfterCommit(patient, _last_commit(patient.history)),
)
