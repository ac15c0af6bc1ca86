"""Send the effect after COMMIT: what takes place outside the database waits for the next COMMIT that is acknowledged.

The program gets nothing in its place, so this cannot be tried where its answer is used, or where the program sends it
again by itself when it fails. A ROLLBACK takes back what waits, and so does an attempt on another connection after an
error. Once COMMIT is acknowledged the effect may still fail: somebody has to send it then, which ``settle=`` names.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NoReturn

from acidity.adapters.seam import ACTOR, Layer, PendingCall, request
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Call, Event, History, Kind, Site
from acidity.core.cause import CauseKind
from acidity.prove.remedies.base import Misfit, Patient, RemedyTrial, place_of

USED = "its answer is used before COMMIT"
RELAY = "`settle=` on the Scenario: what sends the effect when it failed after COMMIT (an outbox and its relay)"


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
    def __init__(self, patient: Patient) -> None:
        super().__init__()
        self._patient = patient
        self._last = _last_commit(patient.history)
        self._early = {_named(event.call) for event in _early(patient.history)}
        self._sending = False
        self._waiting: list[PendingCall] = []
        self._given_up = 0
        self._failed: LiveConnection | None = None

    def intercept(self, pending: PendingCall) -> None:
        kind = pending.call.kind
        if self._given_up and pending.wire is not None and pending.wire is not self._failed:
            del self._waiting[: self._given_up]
            self._given_up = 0
        if kind is Kind.EFFECT and not self._sending and self._comes_early(pending.call):
            self._waiting.append(pending)
            pending.result = Later(self._spoil)
            return
        if kind is Kind.ROLLBACK:
            self._waiting.clear()
            self._given_up = 0
        self.inner.intercept(pending)
        if kind is Kind.COMMIT and self._waiting:
            pending.after = self._send

    def _comes_early(self, call: Call) -> bool:
        """Before the last COMMIT of the clean run; in a second attempt, where it did in the first."""
        return call.index < self._last or _named(call) in self._early

    def failed(self, pending: PendingCall) -> None:
        if pending.wire is not None:
            self._given_up, self._failed = len(self._waiting), pending.wire
        self.inner.failed(pending)

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


def _early(history: History) -> list[Event]:
    last = _last_commit(history)
    return [event for event in history if event.call.kind is Kind.EFFECT and event.call.index < last]


def _named(call: Call) -> tuple[str, Site | None]:
    return call.sql, call.site


def _misfit(patient: Patient) -> Misfit | None:
    worth_saying = any(event.call.kind is Kind.EFFECT for event in patient.history)
    if not _last_commit(patient.history):
        return Misfit("it sends no COMMIT", worth_saying)
    if not _early(patient.history):
        return Misfit("no effect comes before its last COMMIT", worth_saying)
    if any(map(_is_sent_again, patient.seen)):
        return Misfit("the program itself sends the effect again when that fails, and would after COMMIT, too")
    return None


def _is_sent_again(history: History) -> bool:
    """Whether an effect that failed is called once more, with nothing asked of the database between."""
    return any(
        one.fault and one.call.kind is other.call.kind is Kind.EFFECT and one.call.sql == other.call.sql
        for one, other in pairwise(history)
    )


TRIAL = RemedyTrial(
    name="send the effect after COMMIT",
    kinds=frozenset({CauseKind.EFFECT, CauseKind.RESEND}),
    misfit=_misfit,
    interceptor=_EffectAfterCommit,
    brings={CauseKind.LOST_EFFECT: RELAY},
)
