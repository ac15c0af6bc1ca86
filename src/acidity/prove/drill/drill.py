"""`drill`: every fault at every database call of every operation, and a Report of what became of the rows."""

from __future__ import annotations

import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from shlex import quote

from acidity.core.finding import Finding
from acidity.core.misfit import Misfit, Mode
from acidity.core.options import CheckOptions
from acidity.core.report import EngineInfo, ExitReason
from acidity.core.scenario import Scenario
from acidity.errors import Terminated
from acidity.prove.drill.confirm import Confirmed, confirmed_findings
from acidity.prove.drill.examine import Examination, Examiner
from acidity.prove.drill.trials import Trials
from acidity.prove.drill.uncommitted import Undecided
from acidity.prove.runs import Gathered, Runs
from acidity.prove.stage.effects import names_of
from acidity.prove.stage.ground import unprotected
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage
from acidity.prove.telling.steps import done_by
from acidity.report.secret import masked

Cell = tuple[str, str]


@dataclass(slots=True)
class Drilled(Gathered):
    """What the drill saw of a whole scenario, before it is split by letters.

    Attributes:
        atomicity: what letter A says.
        consistency: what letter C says.
        broken: the names of the rules that are broken.
        mute: the invariants that can hardly be broken, since they return nothing and raise nothing.
        same: the place of a finding in `consistency` → of the one in `atomicity` that has the same cause.
    """

    engine: EngineInfo
    examinations: list[Examination] = field(default_factory=list)
    atomicity: list[Finding] = field(default_factory=list)
    consistency: list[Finding] = field(default_factory=list)
    broken: frozenset[str] = frozenset()
    same: dict[int, int] = field(default_factory=dict)
    unknowns: list[str] = field(default_factory=list)
    invariants: int = 0
    mute: tuple[str, ...] = ()
    constraints: int = 0
    states: int = 0
    stated: bool = True
    ended: ExitReason = ExitReason.FINISHED
    stopped_by: KeyboardInterrupt | Terminated | None = None
    several: bool = False
    steps: str = ""
    left_out: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    unprotected: dict[str, str] = field(default_factory=dict)
    elapsed_s: float = 0.0

    def note_same(self, atomicity: Confirmed, consistency: Confirmed) -> None:
        """Note which findings of one operation have one cause; they are about to be added."""
        places = {cause.key: len(self.atomicity) + number for number, cause in enumerate(atomicity.causes)}
        for number, cause in enumerate(consistency.causes, start=len(self.consistency)):
            if cause.key in places:
                self.same[number] = places[cause.key]
        self.broken |= consistency.rules

    @property
    def cells(self) -> dict[Cell, set[Mode | Misfit]]:
        """(fault, kind of Call) → modes and reasons, over all operations."""
        merged: dict[Cell, set[Mode | Misfit]] = {}
        for examination in self.examinations:
            for cell, modes in examination.cells.items():
                merged.setdefault(cell, set()).update(modes)
        return merged


def run_drill(scenario: Scenario, asked: CheckOptions) -> Drilled:
    """Drill every operation of a scenario in turn.

    Raises:
        UsageError: the input is wrong.
        EngineUnavailable: the engine cannot be started.
    """
    began = time.monotonic()
    drilled: Drilled | None = None
    try:
        with Stage(scenario, asked.db, asked.settings, asked.isolation_level, asked.run_timeout) as stage, quiet():
            drilled = Drilled(
                stage.sandbox.info(), several=scenario.commits == "several", steps=done_by(scenario.steps)
            )
            _drill_all(Runs(stage, asked), Inspector(stage), drilled)
        stage.overseer.leave_if_told()
    except (KeyboardInterrupt, Terminated) as stop:  # while everything was taken back
        if drilled is None:
            raise
        drilled.stop(stop)
    drilled.elapsed_s = time.monotonic() - began
    return drilled


def _drill_all(runs: Runs, inspector: Inspector, drilled: Drilled) -> None:
    stage = runs.stage
    scenario = stage.scenario
    with stage.overseer.blaming_signals():
        inspector.check_seed()
    try:
        for position in range(len(scenario.operations)):
            if runs.stopped_by is None:
                with stage.overseer.blaming_signals():
                    _drill_operation(runs, position, inspector, drilled)
    except (KeyboardInterrupt, Terminated) as stop:  # outside the runs that are struck
        runs.stop(stop)
    if runs.stopped_by is not None:
        drilled.stop(runs.stopped_by)
    with suppress(Exception) if runs.stopped_by is not None else nullcontext():  # what the signal broke may stay so
        _read_facts(stage, drilled)
    drilled.states = len(inspector.states)
    drilled.stated = inspector.stated
    drilled.mute = inspector.mute


def _read_facts(stage: Stage, drilled: Drilled) -> None:
    scenario = stage.scenario
    drilled.engine = stage.sandbox.info()  # with what the operations themselves have set
    drilled.invariants = len(scenario.invariants)
    drilled.constraints = stage.sandbox.constraints()
    drilled.left_out = stage.sandbox.left_out()
    drilled.effects = names_of(scenario.effects)
    drilled.unprotected = unprotected(stage.parts)


def _drill_operation(runs: Runs, position: int, inspector: Inspector, drilled: Drilled) -> None:
    stage = runs.stage
    operation = stage.scenario.operations[position]
    examiner = Examiner(runs, operation, inspector, label=operation.name)
    try:
        examination = examiner.examine()
    except Undecided as error:
        drilled.unknowns.append(str(error))
        return
    finally:
        stage.adapters.release()
    drilled.examinations.append(examination)
    atomicity, consistency = confirmed_findings(examiner, examination)
    drilled.unknowns.extend(dict.fromkeys(examination.unknowns))
    if drilled.ended is ExitReason.FINISHED:
        drilled.ended = examination.ended
    trials = Trials(runs, operation, examination, (atomicity, consistency)) if runs.options.remedies else None
    replay = _replay_command(runs.options, len(stage.scenario.operations), position)
    drilled.note_same(atomicity, consistency)
    for found, kept in ((atomicity, drilled.atomicity), (consistency, drilled.consistency)):
        for finding, cause in zip(found.findings, found.causes, strict=True):
            remedies = () if trials is None else trials.helping(finding, cause)
            command = replay.format(schedule=quote(str(finding.schedule)))
            kept.append(replace(finding, remedies=remedies, replay=command))


def _replay_command(asked: CheckOptions, operations: int, position: int) -> str:
    parts = ["acidity replay", quote(asked.target or "TARGET"), "{schedule}"]
    if asked.db != "sqlite":
        parts.append(f"--db {quote(masked(asked.db))}")
    if operations > 1:
        parts.append(f"--operation {position + 1}")
    parts.extend(f"--setting {quote(f'{name}={value}')}" for name, value in sorted(asked.settings.items()))
    if asked.isolation_level:
        parts.append(f'--isolation-level "{asked.isolation_level}"')
    return " ".join(parts)
