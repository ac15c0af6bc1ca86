"""Roll back after a failed COMMIT, before the connection goes back to the pool."""

from __future__ import annotations

from contextlib import suppress

from acidity.adapters.seam import PassThrough, PendingCall
from acidity.core.call import History, Kind
from acidity.prove.remedies.base import Misfit, RemedyTrial


class _RollBackAfterFailedCommit(PassThrough):
    def failed(self, pending: PendingCall) -> None:
        if pending.call.kind is Kind.COMMIT and pending.wire is not None:
            with suppress(Exception):
                pending.wire.rollback()


def _misfit(history: History) -> Misfit | None:
    if any(event.call.kind is Kind.COMMIT for event in history):
        return None
    return Misfit("it sends no COMMIT", worth_saying=False)


TRIAL = RemedyTrial(
    name="roll back after a failed COMMIT: `with Session(engine) as session, session.begin():`",
    codes=frozenset({"ACI207"}),
    misfit=_misfit,
    interceptor=lambda _: _RollBackAfterFailedCommit(),
)
