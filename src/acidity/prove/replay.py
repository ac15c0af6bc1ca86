"""`replay`: run one Schedule again and tell in full what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acidity.analysis.diff import row_changes
from acidity.core.call import History
from acidity.core.finding import RowChange, Verdict
from acidity.core.options import CheckOptions
from acidity.core.outcome import Ending, Rows, Told
from acidity.core.report import EngineInfo
from acidity.core.scenario import Scenario
from acidity.core.schedule import FIRST, Schedule
from acidity.core.step import SeenStep
from acidity.errors import UsageError
from acidity.prove.drill.examine import Examination, Examiner
from acidity.prove.drill.judge import Baseline, Judged
from acidity.prove.drill.striker import Strike
from acidity.prove.drill.uncommitted import Undecided
from acidity.prove.faults import FAULTS
from acidity.prove.runs import Runs
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage
from acidity.prove.telling.steps import seen_steps
from acidity.prove.telling.title import misfit_in_words


@dataclass(frozen=True, slots=True)
class Replay:
    """One run, told in full.

    Attributes:
        target: how the user named the scenario.
        engine: where it ran.
        operation: which operation.
        schedule: what was done to it.
        struck: the fault did break something.
        word: right, or what is wrong.
        told: what the caller was told.
        rows: where the rows stand; an effect must fit them.
        misfit: what took place outside the database, and what became of the rows, where these do not fit it but are
            whole; and where they stand then.
        history: its Calls and Replies.
        diff: rows that differ from the rows before.
        ending: how the function ended.
        broken: constraints and invariants that do not hold.
        steps: what ran after it: recover and settle, and both once more.
        unknowns: why it cannot be judged.
    """

    target: str
    engine: EngineInfo
    operation: str
    schedule: Schedule
    struck: bool
    word: str
    told: Told
    rows: Rows
    history: History
    diff: tuple[RowChange, ...]
    ending: Ending
    verdict: Verdict
    broken: tuple[str, ...] = ()
    unknowns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    steps: tuple[SeenStep, ...] = ()
    misfit: tuple[Rows, str] | None = None


def run_replay(scenario: Scenario, schedule: Schedule, asked: CheckOptions, operation: int | str = 0) -> Replay:
    """Run the Schedule on the operation.

    Raises:
        UsageError: the Schedule or the operation does not exist here.
        Undecided: the operation cannot be judged.
    """
    chosen = scenario.operations[position_of(scenario, operation)]
    with Stage(scenario, asked.db, asked.settings, asked.isolation_level, asked.run_timeout) as stage, quiet():
        inspector = Inspector(stage)
        inspector.check_seed()
        only = _strike(schedule)
        try:
            examination = Examiner(Runs(stage, asked), chosen, inspector).examine(only)
        except Undecided as error:
            raise UsageError(f"this cannot be replayed: {error}") from None
        if not examination.judged:
            raise UsageError(f"this cannot be replayed: {'; '.join(examination.unknowns)}")
        return _told_in_full(examination, schedule, asked, stage.sandbox.info())


def _strike(schedule: Schedule) -> list[Strike]:
    if not schedule.choices:
        return []
    if len(schedule.choices) > 1:
        raise UsageError(f"a drill has one caller and one fault, as in ac1:{FIRST}3!error-after; {schedule} has more")
    if (actor := schedule.choices[0].actor) != FIRST:
        raise UsageError(
            f"a drill has one caller, {FIRST}, as in ac1:{FIRST}3!error-after; {schedule} speaks of {actor}"
        )
    choice = schedule.choices[0]
    if not choice.fault:
        return []
    fault = FAULTS[choice.fault]
    if choice.persistent and not fault.persistent:
        raise UsageError(f"the fault {fault.name} strikes once; write it without *")
    return [Strike(fault, choice.calls, choice.persistent)]


def parsed(schedule: Schedule | str) -> Schedule:
    """A Schedule, also where it is given as a finding prints it."""
    return Schedule.parse(schedule) if isinstance(schedule, str) else schedule


def position_of(scenario: Scenario, wanted: int | str) -> int:
    """Where an operation stands in a scenario, from 0.

    Raises:
        UsageError: it has none of this name or number.
    """
    names = [operation.name for operation in scenario.operations]
    if isinstance(wanted, str):
        if wanted not in names:
            raise UsageError(f"no operation is called {wanted!r}; there are: {', '.join(names)}")
        return names.index(wanted)
    if not 0 <= wanted < len(names):
        raise UsageError(f"there is no operation {wanted + 1}; the scenario has {len(names)}: {', '.join(names)}")
    return wanted


def _told_in_full(examination: Examination, schedule: Schedule, asked: CheckOptions, engine: EngineInfo) -> Replay:
    baseline = examination.baseline
    item = examination.judged[-1]
    run, judgement = item.run, item.judgement
    missed = any(choice.fault for choice in schedule.choices) and not run.struck
    broken = tuple(f"{each.violation.called}{each.where}: {each.violation}" for each in run.breaks)
    failed = judgement.severity == "error" or bool(broken)
    unknowns = tuple(examination.unknowns)
    if missed and not unknowns:
        unknowns = ("the fault found nothing to break in this run",)
    diff = row_changes(baseline.seed, run.end)
    return Replay(
        target=asked.target,
        engine=engine,
        operation=baseline.operation.name,
        schedule=schedule,
        struck=run.struck,
        word=judgement.text,
        told=judgement.told,
        rows=judgement.rows,
        history=run.history,
        diff=diff,
        ending=run.ending,
        verdict="unknown" if missed else "fail" if failed else "unknown" if unknowns else "pass",
        broken=broken,
        unknowns=unknowns,
        notes=baseline.masks.in_use(baseline.seed, [each.end for each in baseline.clean]).describe(),
        steps=seen_steps(baseline, run),
        misfit=_misfit(baseline, item, diff) if baseline.effects_misfit(item) else None,
    )


def _misfit(baseline: Baseline, item: Judged, diff: Sequence[RowChange]) -> tuple[Rows, str]:
    changes, expected = (
        [change for change in found if baseline.counted(change.table)]
        for found in (diff, row_changes(baseline.seed, baseline.whole))
    )
    return baseline.rows_alone(item.run.end), misfit_in_words(baseline, item.run, changes, expected)
