"""The `Runs` of one check: how many are made and which, until when, and what becomes of a check that is stopped.

Every check draws its runs from one such object, so that a budget, a seed, a progress bar and Ctrl-C mean the same in
all of them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from acidity.adapters.seam import Interceptor, PassThrough
from acidity.core.options import CheckOptions
from acidity.core.report import ExitReason
from acidity.engines.frames import let_go_of_frames
from acidity.errors import Terminated
from acidity.prove.stage.quiet import aloud
from acidity.prove.stage.stage import Stage

T = TypeVar("T")
Stop = KeyboardInterrupt | Terminated


class Runs:
    """How a check spends its time.

    Args:
        stage: where the runs are made.
        options: what was asked for.
        within: makes the innermost Interceptor of every run; a change under trial.

    Attributes:
        within: the same.
        stopped_by: the Ctrl-C, or the signal, that ended the check; None while nothing has.
    """

    def __init__(
        self, stage: Stage, options: CheckOptions | None = None, within: Callable[[], Interceptor] = PassThrough
    ) -> None:
        self.stage = stage
        self.within = within
        self.options = options or CheckOptions()
        self.stopped_by: Stop | None = None
        budget = self.options.budget
        self._deadline = None if budget is None else stage.began + budget

    def over(self) -> bool:
        """Whether no run may start any more: time is up, or somebody stopped the check."""
        return self.stopped_by is not None or (self._deadline is not None and time.monotonic() >= self._deadline)

    def stop(self, by: Stop) -> ExitReason:
        """Note that the user, or a signal, ends the check; what was found until then is still told."""
        self.stopped_by = by
        self.stage.overseer.heard()
        let_go_of_frames(by)
        return reason_of(by)

    def series(self, planned: Sequence[T], label: str = "") -> Series[T]:
        """The planned runs that may be made; whoever iterates makes each of them in the body of the loop.

        Args:
            planned: all that there are to make.
            label: whose runs these are, for the progress; without one nobody is told.
        """
        return Series(self, planned, label)


class Series(Generic[T]):
    """Some runs of a check, drawn one after another as long as the check may go on.

    Attributes:
        planned: how many there were to make.
        made: how many were drawn.
        ended: why no more were.
    """

    def __init__(self, runs: Runs, planned: Sequence[T], label: str) -> None:
        self.planned = len(planned)
        self.made = 0
        self.ended = ExitReason.FINISHED
        self._runs = runs
        self._chosen = _chosen(planned, runs.options)
        self._label = label

    def __iter__(self) -> Iterator[T]:
        for each in self._chosen:
            if self._runs.over():
                self.ended = ExitReason.BUDGET
                return
            yield each
            self.made += 1
            self._tell_progress()
        if self.made < self.planned:
            self.ended = ExitReason.RUNS_MAX

    def _tell_progress(self) -> None:
        progress = self._runs.options.progress
        if self._label and progress is not None:
            with aloud():
                progress(self.made, len(self._chosen), self._label)

    def stop(self, by: Stop) -> None:
        """Somebody stopped the check within the run in hand, which is not counted."""
        self.ended = self._runs.stop(by)

    @property
    def left_undone(self) -> str:
        """Why not all were made, in words; empty when all were."""
        return "" if self.ended is ExitReason.FINISHED else self.ended.after(self.made, self.planned)


class Gathered:
    """What a check has found of a whole scenario, or until somebody stopped it.

    Attributes:
        unknowns: what could not be decided.
        ended: why no more runs were made.
        stopped_by: the Ctrl-C or signal that ended it.
    """

    unknowns: list[str]
    ended: ExitReason
    stopped_by: Stop | None

    def stop(self, by: Stop) -> None:
        """Somebody stopped it; what was found until then stays."""
        self.stopped_by = by
        if self.ended is ExitReason.FINISHED:
            self.ended = reason_of(by)
            self.unknowns.append(self.ended.value)


def reason_of(stop: Stop) -> ExitReason:
    """Why a check made no more runs that this exception ended."""
    return ExitReason.TERMINATED if isinstance(stop, Terminated) else ExitReason.INTERRUPTED


def _chosen(planned: Sequence[T], options: CheckOptions) -> Sequence[T]:
    """As many as ``runs_max=`` allows, drawn by the seed, in the order in which they were planned."""
    most = options.runs_max
    if most is None or most >= len(planned):
        return planned
    kept = random.Random(options.seed).sample(range(len(planned)), most)  # noqa: S311
    return [planned[index] for index in sorted(kept)]
