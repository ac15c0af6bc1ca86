"""What is committed on the way: with ``commits="several"`` each committed state is looked at, not only the last one.

A `Witness` stands nearest to the database and looks after every COMMIT that the database has acknowledged. Other
callers could read the rows just then, so constraints and invariants must hold in them. In a child process that is to be
killed nobody looks: up to the kill it commits what the clean run has committed.
"""

from __future__ import annotations

from acidity.adapters.seam import Interceptor, Layer, PendingCall
from acidity.core.call import Call
from acidity.core.outcome import Ending, Told, Violation
from acidity.engines.own_calls import own_calls
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.run import Between
from acidity.prove.stage.stage import Stage


class CommitWatch:
    """Looks at every committed state of a scenario with several commits, and at none of one with one.

    Args:
        stage: where it is committed.
        inspector: knows what must hold.
    """

    def __init__(self, stage: Stage, inspector: Inspector) -> None:
        self.active = stage.scenario.commits == "several"
        self._stage = stage
        self._inspector = inspector
        self._known: dict[str, tuple[Violation, ...]] = {}
        self._unread: dict[str, str] = {}
        self._seen: list[Between] = []

    def over(self, inner: Interceptor, step: str = "") -> Interceptor:
        """An Interceptor that does what `inner` does and looks at what is committed then."""
        return Witness(inner, self, step) if self.active else inner

    def take(self) -> tuple[Between, ...]:
        """The states in which something did not hold, since this was last asked."""
        seen, self._seen = tuple(self._seen), []
        return seen

    def unread(self) -> list[str]:
        """Why committed states were never looked at, in words; a state that was seen elsewhere too is no loss."""
        left = [why for rows, why in self._unread.items() if rows not in self._inspector.states]
        return list(dict.fromkeys(left))

    def look(self, call: Call, step: str) -> None:
        """Look at what this Call has committed."""
        with own_calls():
            look = self._stage.sandbox.look()
            rows = look.state.fingerprint
            if rows not in self._known:
                if look.locked_out or not self._inspector.reaches():
                    where = f" at {call.site}" if call.site else ""
                    self._unread[rows] = (
                        f"a fault kept everybody out after a COMMIT{where}: invariants could not be asked"
                    )
                    return
                self._known[rows] = self._inspector.inspect(look.state, Told.UNKNOWN, Ending())
        if self._known[rows]:
            self._seen.append(Between(call, step, look.state, self._known[rows]))


class Witness(Layer):
    """An Interceptor that lets another one decide, and looks at what was committed."""

    def __init__(self, inner: Interceptor, watch: CommitWatch, step: str) -> None:
        super().__init__(inner=inner)
        self._watch = watch
        self._step = step

    def intercept(self, pending: PendingCall) -> None:
        """Let it pass, and look if it was a COMMIT; without an exception it is acknowledged."""
        self.inner.intercept(pending)
        if pending.call.commits:
            self._watch.look(pending.call, self._step)
