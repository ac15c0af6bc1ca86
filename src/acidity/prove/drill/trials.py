"""Trials of remedies: the operation is drilled again with a change made at the seam, and judged by the same check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acidity.core.finding import Finding, Remedy
from acidity.core.scenario import Operation
from acidity.errors import Terminated
from acidity.prove.drill.examine import Examination, Examiner, Undecided
from acidity.prove.drill.findings import atomicity_findings, consistency_findings
from acidity.prove.remedies import REMEDIES
from acidity.prove.remedies.base import RemedyTrial
from acidity.prove.runs import Runs
from acidity.prove.stage.inspector import Inspector


def try_remedies(
    runs: Runs, operation: Operation, examination: Examination, findings: Sequence[Finding]
) -> dict[str, Remedy]:
    """Drill the operation again with each change that might help; a change is judged by the same check.

    Returns:
        The name of a remedy in the registry → what came of it.
    """
    errors = {finding.code for finding in findings if finding.severity == "error"}
    history = examination.bench.clean[0].history
    tried: dict[str, Remedy] = {}
    for name in REMEDIES:
        trial = REMEDIES[name]
        if not errors & trial.codes or runs.over():
            continue
        misfit = trial.misfit(history)
        if misfit:
            if name == "one-commit" and misfit != "it has one COMMIT":
                tried[name] = Remedy(trial.name, "not applicable", 0, misfit)
            continue
        try:
            remedy = _try(runs, operation, examination, trial, errors)
        except (KeyboardInterrupt, Terminated) as stop:  # what was found before is told all the same
            runs.stop(stop)
        if runs.stopped_by is not None:  # a trial that was cut short says nothing
            break
        tried[name] = remedy
    return tried


def helping(finding: Finding, tried: Mapping[str, Remedy]) -> tuple[Remedy, ...]:
    """Those of the remedies tried that are meant against findings of this code."""
    return tuple(tried[name] for name in tried if finding.code in REMEDIES[name].codes)


def _try(runs: Runs, operation: Operation, examination: Examination, trial: RemedyTrial, errors: set[str]) -> Remedy:
    history = examination.bench.clean[0].history
    examiner = Examiner(runs, operation, Inspector(runs.stage), wrap=lambda: trial.interceptor(history))
    try:
        again = examiner.examine()
    except Undecided as error:
        return Remedy(trial.name, "not applicable", 0, str(error))
    found = [*atomicity_findings(again.bench, again.judged), *consistency_findings(again.bench, again.judged)]
    left = {finding.code for finding in found if finding.severity == "error"}
    made = len(again.judged)
    if not left and not again.unknowns:
        return Remedy(trial.name, "pass", made)
    helped = errors - left
    if helped and left < errors:
        return Remedy(
            trial.name, "fail", made, f"it ends {', '.join(sorted(helped))}, and leaves {', '.join(sorted(left))}"
        )
    return Remedy(trial.name, "fail", made)
