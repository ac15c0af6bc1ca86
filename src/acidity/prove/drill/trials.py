"""Trials of remedies: the operation is drilled again with a change made at the seam, and judged by the same check.

A trial never costs a finding: whatever goes wrong in it, a usage error too, only means that the change was not tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acidity.core.finding import Finding, Remedy, Tried
from acidity.core.report import ExitReason
from acidity.core.scenario import Operation
from acidity.engines.base import Unsettled
from acidity.errors import Terminated
from acidity.prove.drill.confirm import confirm
from acidity.prove.drill.examine import Examination, Examiner, Undecided
from acidity.prove.drill.findings import Suspects
from acidity.prove.remedies import REMEDIES
from acidity.prove.remedies.base import RemedyTrial
from acidity.prove.runs import Runs, reason_of
from acidity.prove.stage.inspector import Inspector


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one change.

    Attributes:
        name: of the change, in words.
        codes: the findings that it may help against.
        runs: how many runs were made.
        left: the codes of the errors that remain.
        unfinished: why it was not tried, or not to its end; empty if it was.
    """

    name: str
    codes: frozenset[str]
    runs: int = 0
    left: frozenset[str] = frozenset()
    unfinished: str = ""

    def against(self, code: str) -> Remedy:
        """What it means for findings of one code. An error that was seen again was seen, however the trial ended."""
        if code in self.left:
            return Remedy(self.name, Tried.FAILED, self.runs)
        if self.unfinished:
            return Remedy(self.name, Tried.NOT_TRIED, self.runs, self.unfinished)
        if self.left:
            return Remedy(self.name, Tried.ENDS_THIS, self.runs, f"others remain: {', '.join(sorted(self.left))}")
        return Remedy(self.name, Tried.PASSED, self.runs)


def try_remedies(
    runs: Runs, operation: Operation, examination: Examination, findings: Sequence[Finding]
) -> list[Trial]:
    """Drill the operation again with each change that might help; somebody who stops the check ends the trials.

    Returns:
        A Trial for each change that is meant against what was found, cheapest change first.
    """
    errors = {finding.code for finding in findings if finding.severity == "error"}
    history = examination.baseline.clean[0].history
    trials: list[Trial] = []
    for trial in (REMEDIES[name] for name in REMEDIES):
        if not errors & trial.codes:
            continue
        misfit = trial.misfit(history)
        if misfit is not None:
            trials.extend([_not_tried(trial, misfit.reason)] if misfit.worth_saying else [])
            continue
        trials.append(_try(runs, operation, examination, trial))
    return trials


def helping(finding: Finding, trials: Sequence[Trial]) -> tuple[Remedy, ...]:
    """What the trials mean for one finding."""
    return tuple(trial.against(finding.code) for trial in trials if finding.code in trial.codes)


def _not_tried(trial: RemedyTrial, reason: str) -> Trial:
    return Trial(trial.name, trial.codes, unfinished=reason)


def _try(runs: Runs, operation: Operation, examination: Examination, trial: RemedyTrial) -> Trial:
    if runs.over():
        return _not_tried(trial, _why_over(runs))
    history = examination.baseline.clean[0].history
    examiner = Examiner(runs, operation, Inspector(runs.stage), wrap=lambda: trial.interceptor(history))
    try:
        again = examiner.examine()
    except (KeyboardInterrupt, Terminated) as stop:
        return _not_tried(trial, runs.stop(stop).value)
    except Undecided as error:
        return _not_tried(trial, str(error))
    except (Exception, Unsettled) as error:
        return _not_tried(trial, f"with this change {type(error).__name__}: {error}")
    return _judged(trial, examiner, again)


def _why_over(runs: Runs) -> str:
    return (ExitReason.BUDGET if runs.stopped_by is None else reason_of(runs.stopped_by)).value


def _judged(trial: RemedyTrial, examiner: Examiner, again: Examination) -> Trial:
    baseline = again.baseline
    suspects = Suspects(baseline, again.judged)
    found = confirm([*suspects.atomicity(), *suspects.consistency()], examiner, baseline)
    reasons = [*again.unknowns, *found.unknowns]
    return Trial(
        trial.name,
        trial.codes,
        len(again.judged),
        frozenset(finding.code for finding in found.findings if finding.severity == "error"),
        reasons[0] if reasons else "",
    )
