"""What becomes of a state between two commits: what follows completes it, and where it is intended it breaks nothing.

``recover=`` and ``settle=`` are run on it as a restarted process would. The rows then have to be what they make of the
rows before or of those after: an operation that was cut off is undone or completed. Without them the state may stay,
if several commits are intended. Then the invariants hold in it, too; else only when it has been carried on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from acidity.analysis.compare import Comparer
from acidity.analysis.masks import learn
from acidity.core.call import History
from acidity.core.outcome import Ending, State, Told
from acidity.core.schedule import Schedule
from acidity.prove.crash.judge import Prefix, whole
from acidity.prove.crash.log import Log
from acidity.prove.crash.recovery import Recovery
from acidity.prove.stage.aftermath import Aftermath
from acidity.prove.stage.committed import CommitWatch
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.run import Run
from acidity.prove.stage.stage import Stage


class CarriedOn:
    """Carries states on to their end.

    Args:
        stage: where.
        path: of its database.
        log: what the operation has written.
        history: its Calls.
        prefixes: the rows before first, those after last.
    """

    def __init__(self, stage: Stage, path: Path, log: Log, history: History, prefixes: Sequence[Prefix]) -> None:
        self._stage = stage
        self._path = path
        self._log = log
        self._history = history
        self._outermost = prefixes[0], prefixes[-1]
        self._inspector = Inspector(stage)
        self._aftermath = Aftermath(stage, CommitWatch(stage, self._inspector))
        self._recovery: Recovery

    def is_right(self, prefix: Prefix, recovery: Recovery) -> bool:
        """Whether the state may be what is left.

        Raises:
            NotDeterministic: what follows leaves other rows each time.
            TooSymmetric: a bound of the comparison was hit.
        """
        self._recovery = recovery
        self._place(prefix)
        several, whole = self._stage.scenario.commits == "several", prefix.recovered.whole or prefix.state
        if several and self._breaks(whole):  # an invariant may speak of what is not compared
            return False
        if not self._stage.scenario.steps:
            return True
        run = self._follow(prefix)
        if run.failed_step is not None or run.between or self._breaks(run.end):
            return False
        return any(comparer.same(run.end, end) for comparer, end in self._ends)

    @cached_property
    def _ends(self) -> list[tuple[Comparer, State]]:
        """What follows makes of the rows before and of those after; twice, so that what differs is not compared."""
        found = []
        for prefix in self._outermost:
            runs = []
            for _ in range(2):
                self._place(prefix)
                runs.append(self._follow(prefix))
            seed, ends = self._stage.seed, [run.end for run in runs]
            history = (*self._history, *runs[0].whole_history)
            masks = learn(seed, ends, history, self._stage.scenario.ignore)
            found.append((Comparer(seed, masks), ends[0]))
        return found

    def _place(self, prefix: Prefix) -> None:
        """Make these the rows of the Sandbox."""
        self._stage.sandbox.reset()
        self._path.write_bytes(self._recovery.database(whole(self._log, prefix.op).files))

    def _follow(self, prefix: Prefix) -> Run:
        return self._aftermath.follow(Run(Schedule(), Ending(), (), prefix.state, prefix.state))

    def _breaks(self, state: State) -> bool:
        return bool(self._inspector.inspect(state, Told.UNKNOWN, Ending()))
