"""The rows before a run are put on the disk before its first Call, as they are acidity's own: no setting may lose them.

Nothing is killed meanwhile. It is asked for over acidity's own connection, which a child of this process has, too: one
that were killed before it has read the answer would leave it to its parent, as the answer of another question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from acidity.adapters.seam import Layer, PendingCall
from acidity.core.outcome import State
from acidity.engines.codes import unless_kept_out
from acidity.engines.hosted import HostedSandbox
from acidity.prove.faults.base import FaultContext, hosted

Way = Callable[[PendingCall, FaultContext], None]


@dataclass(slots=True)
class Settled(Layer):
    """Settles the rows before, unless a kill of the server that strikes the first Call has done so.

    Attributes:
        sandbox: whose.
        committed: gets the rows after each COMMIT, by the number of its Call; None where nobody wants them.
    """

    sandbox: HostedSandbox
    committed: dict[int, State] | None = None

    def intercept(self, pending: PendingCall) -> None:
        """Let it pass."""
        if pending.call.index == 1 and not pending.fault:
            self.sandbox.flush()
        self.inner.intercept(pending)
        if self.committed is not None and pending.call.commits:
            with unless_kept_out():
                self.committed[pending.call.index] = self.sandbox.look().state


def settled_before(way: Way) -> Way:
    """A way to kill the server, once the rows before are settled."""

    def strike(pending: PendingCall, context: FaultContext) -> None:
        if pending.call.index == 1:
            hosted(context).flush()
        way(pending, context)

    return strike
