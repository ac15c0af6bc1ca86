"""Say what `recover` and `settle` did: for explanations, titles, bounds and replays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from acidity.analysis.diff import row_changes, sentence
from acidity.core.finding import RowChange
from acidity.core.scenario import Operation, Role
from acidity.core.step import SeenStep, Step
from acidity.prove.drill.judge import Baseline
from acidity.prove.stage.run import Run

_DONE: Mapping[Role, str] = {"recover": "recovered", "settle": "settled"}


def done_by(steps: Mapping[Role, Operation]) -> str:
    """``recovered by finish, settled by relay``."""
    return ", ".join(f"{_DONE[role]} by {operation.name}" for role, operation in steps.items())


def seen_steps(baseline: Baseline, run: Run) -> tuple[SeenStep, ...]:
    """The steps with where the rows stood after each; those of the second time last."""
    effects = Counter(run.effects)
    for step in run.steps:
        effects.subtract(step.effects)
    found: list[SeenStep] = []
    for step in (*run.steps, *run.again):
        effects.update(step.effects)
        found.append(SeenStep(step, baseline.rows_of(step.state, effects), again=len(found) >= len(run.steps)))
    return tuple(found)


def explained(baseline: Baseline, run: Run) -> list[str]:
    """One sentence for each step; its second time is told only where it failed or changed something."""
    lines = []
    for seen in seen_steps(baseline, run):
        step = seen.step
        if seen.again and not (step.raised or step.effects or step is baseline.changed_again(run)):
            continue
        ended = f"failed ({step.raised})" if step.raised else "ran"
        when = "a second time, " if seen.again else "then "
        lines.append(f"{when}{step} {ended}: rows {seen.rows}")
    return lines


def title_of_failed(step: Step, told: str, rows: str) -> str:
    """The title of a finding on a step that failed."""
    return f"{told}, and then {step} failed ({step.raised}): {rows}"


def title_of_repeated(step: Step, changes: Sequence[RowChange]) -> str:
    """The title of a finding on a step that must not be run twice."""
    what = [f"it failed ({step.raised})"] if step.raised else []
    what += [sentence(changes, ())] if changes else []
    what += [f"{name} took place {count}× more" for name, count in sorted(step.effects.items())]
    return f"{step} was run a second time, when nothing was left to do, and {'; '.join(what)}"


def changes_again(step: Step, run: Run) -> tuple[RowChange, ...]:
    """The rows that the second time changed."""
    return row_changes(run.end, step.state)
