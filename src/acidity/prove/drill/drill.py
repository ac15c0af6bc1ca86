"""`drill`: every fault at every database call of every operation, and a Report of what became of the rows."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from shlex import quote

from acidity.core.finding import Finding
from acidity.core.options import CheckOptions
from acidity.core.report import EngineInfo
from acidity.core.scenario import Operation, Scenario
from acidity.errors import EngineUnavailable
from acidity.prove.drill.examine import Examination, Examiner, Limits, Undecided
from acidity.prove.drill.findings import atomicity_findings, consistency_findings
from acidity.prove.drill.trials import helping, try_remedies
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.stage import Stage
from acidity.prove.telling.steps import done_by

_PASSWORD = re.compile(r"(://[^:/@]*:)[^@]*@")
Cell = tuple[str, str]


@dataclass(slots=True)
class Drilled:
    """What the drill saw of a whole scenario, before it is split by letters."""

    engine: EngineInfo
    examinations: list[Examination] = field(default_factory=list)
    atomicity: list[Finding] = field(default_factory=list)
    consistency: list[Finding] = field(default_factory=list)
    unknowns: list[str] = field(default_factory=list)
    invariants: int = 0
    constraints: int = 0
    states: int = 0
    stated: bool = True
    interrupted: bool = False
    several: bool = False
    steps: str = ""
    elapsed_s: float = 0.0

    @property
    def cells(self) -> dict[Cell, set[str]]:
        """(fault, kind of Call) → modes and reasons, over all operations."""
        merged: dict[Cell, set[str]] = {}
        for examination in self.examinations:
            for cell, modes in examination.cells.items():
                merged.setdefault(cell, set()).update(modes)
        return merged


def run_drill(scenario: Scenario, asked: CheckOptions) -> Drilled:
    """Drill every operation of a scenario in turn.

    Raises:
        UsageError: the input is wrong.
    """
    began = time.monotonic()
    try:
        stage = Stage(scenario, asked.db, asked.settings, asked.isolation_level)
    except EngineUnavailable as error:
        return Drilled(EngineInfo(asked.db, ""), unknowns=[str(error)])
    with stage:
        several = scenario.commits == "several"
        drilled = Drilled(stage.sandbox.info(), several=several, steps=done_by(scenario.steps))
        inspector = Inspector(stage)
        inspector.check_seed()
        deadline = None if asked.budget is None else began + asked.budget
        limits = Limits(asked.runs_max, deadline, asked.seed, asked.faults)
        try:
            for position, operation in enumerate(scenario.operations):
                _drill_operation(stage, operation, position, inspector, limits, asked, drilled)
                if drilled.interrupted:
                    break
        except KeyboardInterrupt:
            drilled.unknowns.append("interrupted")
        drilled.engine = stage.sandbox.info()  # with what the operations themselves have set
        drilled.invariants = len(scenario.invariants)
        drilled.constraints = stage.sandbox.constraints()
        drilled.states = len(inspector.states)
        drilled.stated = inspector.stated
    drilled.elapsed_s = time.monotonic() - began
    return drilled


def _drill_operation(
    stage: Stage,
    operation: Operation,
    position: int,
    inspector: Inspector,
    limits: Limits,
    asked: CheckOptions,
    drilled: Drilled,
) -> None:
    def progress(done: int, total: int) -> None:
        if asked.progress is not None:
            asked.progress(done, total, operation.name)

    try:
        examination = Examiner(stage, operation, inspector, limits, progress).examine()
    except Undecided as error:
        drilled.unknowns.append(str(error))
        return
    finally:
        stage.adapter.release()
    drilled.examinations.append(examination)
    drilled.unknowns.extend(dict.fromkeys(examination.unknowns))
    drilled.interrupted = drilled.interrupted or examination.interrupted
    atomicity = atomicity_findings(examination.bench, examination.judged)
    consistency = consistency_findings(examination.bench, examination.judged)
    tried = {}
    if asked.remedies and not examination.interrupted:
        tried = try_remedies(stage, operation, examination, [*atomicity, *consistency], limits)
    replay = _replay_command(asked, len(stage.scenario.operations), position)
    for found, kept in ((atomicity, drilled.atomicity), (consistency, drilled.consistency)):
        for finding in found:
            kept.append(
                replace(
                    finding,
                    remedies=helping(finding, tried),
                    replay=replay.format(schedule=quote(str(finding.schedule))),
                )
            )


def _replay_command(asked: CheckOptions, operations: int, position: int) -> str:
    parts = ["acidity replay", quote(asked.target or "TARGET"), "{schedule}"]
    if asked.db != "sqlite":
        without_password = _PASSWORD.sub(r"\1***@", asked.db)
        parts.append(f"--db {quote(without_password)}")
    if operations > 1:
        parts.append(f"--operation {position + 1}")
    parts.extend(f"--setting {quote(f'{name}={value}')}" for name, value in sorted(asked.settings.items()))
    if asked.isolation_level:
        parts.append(f'--isolation-level "{asked.isolation_level}"')
    return " ".join(parts)
