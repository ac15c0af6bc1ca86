"""`drill`: every fault at every database call of every operation, and a Report of what became of the rows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from shlex import quote

from acidity.core.finding import Finding
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
Progress = Callable[[int, int, str], None]
Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a check was asked for; everything a replay needs beside the Schedule.

    Attributes:
        db: name of the engine.
        settings: settings of the database.
        isolation_level: of injected engines.
        seed: of random choices.
        budget_s: time limit in seconds.
        runs_max: limit of runs.
        target: how the user named the scenario.
        progress: told of runs done, runs planned, and the operation.
    """

    db: str = "sqlite"
    settings: Mapping[str, str] = field(default_factory=dict)
    isolation_level: str | None = None
    seed: int = 0
    budget_s: float | None = None
    runs_max: int | None = None
    target: str = ""
    progress: Progress | None = None


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


def run_drill(scenario: Scenario, asked: Asked) -> Drilled:
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
        deadline = None if asked.budget_s is None else began + asked.budget_s
        limits = Limits(asked.runs_max, deadline, asked.seed)
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
    asked: Asked,
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
    if not examination.interrupted:
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


def _replay_command(asked: Asked, operations: int, position: int) -> str:
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
