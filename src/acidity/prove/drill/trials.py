"""Trials of remedies: the operation is drilled again with a change made at the seam, and judged by the same check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acidity.core.finding import Finding, Remedy
from acidity.core.scenario import Operation
from acidity.prove.drill.examine import Examination, Examiner, Limits, Undecided
from acidity.prove.drill.findings import atomicity_findings, consistency_findings
from acidity.prove.remedies import REMEDIES
from acidity.prove.remedies.base import RemedyTrial
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.stage import Stage


def try_remedies(
    stage: Stage, operation: Operation, examination: Examination, findings: Sequence[Finding], limits: Limits
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
        if not errors & trial.codes or limits.over():
            continue
        misfit = trial.misfit(history)
        if misfit:
            if name == "one-commit" and misfit != "it has one COMMIT":
                tried[name] = Remedy(trial.name, "not applicable", 0, misfit)
            continue
        tried[name] = _try(stage, operation, examination, trial, errors, limits)
    return tried


def helping(finding: Finding, tried: Mapping[str, Remedy]) -> tuple[Remedy, ...]:
    """Those of the remedies tried that are meant against findings of this code."""
    return tuple(tried[name] for name in tried if finding.code in REMEDIES[name].codes)


def _try(
    stage: Stage, operation: Operation, examination: Examination, trial: RemedyTrial, errors: set[str], limits: Limits
) -> Remedy:
    history = examination.bench.clean[0].history
    examiner = Examiner(stage, operation, Inspector(stage), limits, wrap=lambda: trial.interceptor(history))
    try:
        again = examiner.examine()
    except Undecided as error:
        return Remedy(trial.name, "not applicable", 0, str(error))
    found = [*atomicity_findings(again.bench, again.judged), *consistency_findings(again.bench, again.judged)]
    left = {finding.code for finding in found if finding.severity == "error"}
    runs = len(again.judged)
    if not left and not again.unknowns:
        return Remedy(trial.name, "pass", runs)
    helped = errors - left
    if helped and left < errors:
        return Remedy(
            trial.name, "fail", runs, f"it ends {', '.join(sorted(helped))}, and leaves {', '.join(sorted(left))}"
        )
    return Remedy(trial.name, "fail", runs)
