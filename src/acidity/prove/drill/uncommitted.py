"""Whether a clean run leaves something written that nobody commits, though the caller is told that all went well.

Closing a Session or a connection rolls back what was written there. The rows after a clean run are what all other runs
are compared with, so what it loses itself would never be missed. Where it leaves writes, it is run once more with a
COMMIT just before they are lost: rows that differ then are what it should have committed. What nobody would miss
(temporary tables, a write that changes nothing) is no loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from acidity.adapters.seam import Interceptor, Layer, PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import History
from acidity.core.outcome import Rows, Told
from acidity.prove.drill.judge import Baseline, Judgement, Lost, hidden_error, writes_left_uncommitted, wrote
from acidity.prove.drill.transactions import Transaction, transactions
from acidity.prove.stage.run import Run


class Undecided(Exception):  # noqa: N818  # a verdict, not a mistake of somebody
    """The operation cannot be judged; the text says why."""


def left_writes(run: Run) -> list[Transaction]:
    """The transactions of a run that wrote something and were only closed, or not even that."""
    return [each for each in transactions(run.history, run.unasked, run.given_up, run.resets) if each.fate == "left"]


class Committing(Layer):
    """Commits what a run would leave, just before it is lost.

    Args:
        left: the transactions that are left.
        inner: decides about the Calls.

    Attributes:
        refused: why one of them could not be committed.
    """

    def __init__(self, left: Sequence[Transaction], inner: Interceptor) -> None:
        super().__init__(inner=inner)
        self.refused = ""
        self._before = {each.last.index for each in left if each.ended}
        self._after = {each.last.index for each in left if not each.ended}

    def intercept(self, pending: PendingCall) -> None:
        """Let it pass, with a COMMIT before or after it."""
        wire = pending.wire
        if wire is not None and pending.call.index in self._before:
            self._commit(wire)
        self.inner.intercept(pending)
        if wire is not None and pending.call.index in self._after:
            pending.after = lambda: self._commit(wire)

    def _commit(self, wire: LiveConnection) -> None:
        try:
            wire.send("COMMIT")
        except Exception as error:  # what it says is told
            self.refused = f"{type(error).__name__}: {error}"


def lost_by(baseline: Baseline, left: Sequence[Transaction], run: Run, refused: str) -> Lost | None:
    """What the clean run has lost; None where nobody misses it.

    Args:
        baseline: of the operation.
        left: what its clean run leaves.
        run: the clean run, with that committed.
        refused: why it could not be committed.

    Raises:
        Undecided: the run with it committed went another way.
    """
    writes = tuple(event for each in left for event in each.writes)
    same_way = _texts(run.history) == _texts(baseline.clean[0].history)
    if refused or run.failed_step is not None or not same_way or baseline.told(run) is Told.FAILED:
        call = writes[-1].call
        where = f" at {call.site}" if call.site else ""
        why = f" ({refused})" if refused else ""
        raise Undecided(
            f"{baseline.operation.name}: what it wrote{where} was rolled back when its session or connection was "
            f"closed, and with a COMMIT there it would go on otherwise{why}; commit it, or call rollback() where that "
            f"is meant"
        )
    return None if baseline.comparer.same(baseline.clean[0].end, run.end) else Lost(writes, run.end)


def _texts(history: History) -> list[str]:
    return [event.call.sql for event in history]


def judged(baseline: Baseline, run: Run) -> Judgement:
    """Judge a run; one without a fault also by what it committed.

    Raises:
        Undecided: it cannot be judged.
    """
    judgement = baseline.judge(run)
    if run.schedule.choices or baseline.operation.expects_refusal:
        return judgement
    if baseline.lost is not None and judgement.severity != "error" and judgement.told is Told.OK:
        return replace(judgement, rows=Rows.TORN, word="false success", severity="error")
    if not baseline.changes_nothing or baseline.settled_without:
        return judgement
    if writes_left_uncommitted(run.history) or hidden_error(run.history, baseline.failing) is not None:
        if wrote(run.history):
            return replace(judgement, word="false success", severity="error")
        raise Undecided(
            f"{baseline.operation.name}: it calls what may write, commits nothing, and no row changed; commit what it "
            f"wrote, or end the transaction in which it only read"
        )
    if not wrote(run.history):
        return judgement
    raise Undecided(
        f"{baseline.operation.name}: its writes were committed and changed no row; "
        f"give it arguments with which it changes some"
    )
