"""One COMMIT instead of several: every COMMIT but the last is held back, on one connection.

A COMMIT that is held back leaves its transaction open, so the pool's reset of that connection is held back too, and the
next unit of work continues in it. What was held back and never committed is rolled back when the operation ends. Units
that are open on two connections at once cannot be joined this way.
"""

from __future__ import annotations

from contextlib import suppress

from acidity.adapters.seam import PassThrough, PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import History, Kind
from acidity.prove.remedies.base import Misfit, RemedyTrial


class _OneCommit(PassThrough):
    def __init__(self, commits: int) -> None:
        self._left = commits
        self._held: LiveConnection | None = None

    def intercept(self, pending: PendingCall) -> None:
        kind = pending.call.kind
        if kind is Kind.COMMIT:
            self._left -= 1
            if self._left > 0:
                self._held = pending.wire
                return
            self._held = None
        elif kind is Kind.ROLLBACK:
            self._held = None
            self._left = 0
        pending.perform()

    def keeps_open(self, wire: LiveConnection) -> bool:
        return self._held is wire

    def finish(self) -> None:
        if self._held is not None:
            with suppress(Exception):
                self._held.rollback()
            self._held = None


def _commits(history: History) -> int:
    return sum(1 for event in history if event.call.kind is Kind.COMMIT)


def _misfit(history: History) -> Misfit | None:
    written = {event.call.connection for event in history if event.call.writes}
    commits = {event.call.connection for event in history if event.call.kind is Kind.COMMIT}
    if _commits(history) < 2:
        return Misfit("it has one COMMIT", worth_saying=False)
    if len({event.call.database for event in history if event.call.writes}) > 1:
        return Misfit(
            "its rows are in several databases, and one COMMIT reaches one: two-phase commit, a saga or an outbox can"
        )
    if len(written | commits) > 1:
        return Misfit("its units of work are open on two connections at once")
    return None


TRIAL = RemedyTrial(
    name="one commit instead of several: make both changes in one transaction",
    codes=frozenset({"ACI201", "ACI252", "ACI251"}),
    misfit=_misfit,
    interceptor=lambda history: _OneCommit(_commits(history)),
)
