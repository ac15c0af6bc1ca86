"""`drill`: every fault at every database call of every operation, and a Report of what became of the rows."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version

from acidity.core.call import Kind
from acidity.core.finding import Finding, Remedy
from acidity.core.outcome import Rows
from acidity.core.report import Bound, EngineInfo, Report
from acidity.core.scenario import Operation, Scenario
from acidity.errors import EngineUnavailable
from acidity.prove.examine import Examination, Limits, Undecided, examine
from acidity.prove.faults import FAULTS
from acidity.prove.findings import atomicity_findings, consistency_findings
from acidity.prove.inspector import Inspector
from acidity.prove.judge import classified
from acidity.prove.remedies import REMEDIES
from acidity.prove.remedies.base import RemedyTrial
from acidity.prove.stage import Stage

Progress = Callable[[int, int, str], None]
Cell = tuple[str, str]
_MISREPORTED = ("false success", "false failure", "not refused")


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
        drilled = Drilled(stage.sandbox.info())
        inspector = Inspector(stage)
        inspector.check_seed()
        deadline = None if asked.budget_s is None else began + asked.budget_s
        limits = Limits(asked.runs_max, deadline, asked.seed)
        try:
            for position, operation in enumerate(scenario.operations):
                _drill_operation(stage, operation, position, inspector, limits, asked, drilled)
        except KeyboardInterrupt:
            drilled.unknowns.append("interrupted")
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
        examination = examine(stage, operation, inspector, limits, progress)
    except Undecided as error:
        drilled.unknowns.append(str(error))
        return
    finally:
        stage.adapter.release()
    drilled.examinations.append(examination)
    drilled.unknowns.extend(dict.fromkeys(examination.unknowns))
    atomicity = atomicity_findings(examination.bench, examination.judged)
    consistency = consistency_findings(examination.bench, examination.judged)
    tried = _try_remedies(stage, operation, examination, [*atomicity, *consistency], limits)
    replay = _replay_command(asked, len(stage.scenario.operations), position)
    for found, kept in ((atomicity, drilled.atomicity), (consistency, drilled.consistency)):
        for finding in found:
            remedies = tuple(tried[name] for name in tried if finding.code in REMEDIES[name].codes)
            kept.append(replace(finding, remedies=remedies, replay=replay.format(schedule=finding.schedule)))


def _try_remedies(
    stage: Stage, operation: Operation, examination: Examination, findings: Sequence[Finding], limits: Limits
) -> dict[str, Remedy]:
    """Drill the operation again with each change that might help; a change is judged by the same check."""
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


def _try(
    stage: Stage, operation: Operation, examination: Examination, trial: RemedyTrial, errors: set[str], limits: Limits
) -> Remedy:
    history = examination.bench.clean[0].history
    inspector = Inspector(stage)
    try:
        again = examine(stage, operation, inspector, limits, lambda *_: None, lambda: trial.interceptor(history))
    except Undecided as error:
        return Remedy(trial.name, "not applicable", 0, str(error))
    found = [*atomicity_findings(again.bench, again.judged), *consistency_findings(again.bench, again.judged)]
    left = {finding.code for finding in found if finding.severity == "error"}
    runs = len(again.judged)
    if not left and not again.unknowns:
        return Remedy(trial.name, "pass", runs)
    helped = errors - left
    if helped and left < errors:
        return Remedy(trial.name, "fail", runs, f"it ends {', '.join(sorted(helped))}, and leaves {', '.join(sorted(left))}")
    return Remedy(trial.name, "fail", runs)


def _replay_command(asked: Asked, operations: int, position: int) -> str:
    parts = ["acidity replay", asked.target or "TARGET", "{schedule}"]
    if asked.db != "sqlite":
        parts.append(f"--db {asked.db}")
    if operations > 1:
        parts.append(f"--operation {position + 1}")
    parts.extend(f"--setting {name}={value}" for name, value in sorted(asked.settings.items()))
    if asked.isolation_level:
        parts.append(f'--isolation-level "{asked.isolation_level}"')
    return " ".join(parts)


def atomicity_report(drilled: Drilled, asked: Asked, check: str = "drill") -> Report:
    """Letter A: all or nothing, and told the truth."""
    struck = [item for examination in drilled.examinations for item in examination.struck]
    rows = Counter(item.judgement.rows for item in struck)
    misreported = sum(1 for item in struck if item.judgement.word in _MISREPORTED)
    calls = sum(len(examination.bench.clean[0].history) for examination in drilled.examinations)
    faults = len({item.run.schedule.choices[0].fault for item in struck})
    torn = rows[Rows.TORN] + rows[Rows.DOUBLED]
    leaked = sum(1 for item in struck if item.judgement.word == "leaked" and item.judgement.severity == "error")
    headline = (
        f"{calls} calls × {faults} faults = {len(struck)} runs: "
        f"{rows[Rows.BEFORE]} before · {rows[Rows.AFTER]} after · {torn} torn · {misreported} misreported"
    ) + (f" · {leaked} leaked" if leaked else "")
    planned = sum(examination.planned for examination in drilled.examinations)
    return Report(
        check=check,
        target=asked.target,
        engine=drilled.engine,
        runs=len(struck),
        bounds=(Bound("runs", len(struck), planned, _not_struck(planned, len(struck))), *_faults_bound(drilled)),
        findings=_ordered(drilled.atomicity),
        unknowns=tuple(drilled.unknowns),
        headline=headline if drilled.examinations else "",
        classifier=_classifiers(drilled),
        notes=tuple(_notes(drilled)),
        seed=asked.seed,
        versions=versions(),
        elapsed_s=drilled.elapsed_s,
    )


def consistency_report(drilled: Drilled, asked: Asked) -> Report:
    """Letter C: declared constraints and stated invariants, in every end state."""
    looked = f"{drilled.invariants} invariants and {drilled.constraints} declared constraints"
    broken = len(drilled.consistency)
    held = f"{looked} held in all {drilled.states} end states" if not broken else f"{looked}: {broken} broken"
    return Report(
        check="consistency",
        target=asked.target,
        engine=drilled.engine,
        runs=sum(len(examination.judged) for examination in drilled.examinations),
        bounds=(Bound("end states", drilled.states, drilled.states, "the end states of the drill, no others"),),
        findings=_ordered(drilled.consistency),
        unknowns=tuple(drilled.unknowns),
        headline=held if drilled.examinations else "",
        stated=drilled.stated,
        seed=asked.seed,
        versions=versions(),
        elapsed_s=drilled.elapsed_s,
    )


def drill_report(drilled: Drilled, asked: Asked) -> Report:
    """Both letters in one Report, for `prove.drill`."""
    report = atomicity_report(drilled, asked)
    consistency = consistency_report(drilled, asked)
    return replace(
        report,
        findings=_ordered([*report.findings, *consistency.findings]),
        bounds=(*report.bounds, *consistency.bounds),
        notes=(*report.notes, consistency.headline) if consistency.headline and drilled.stated else report.notes,
    )


def _ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: (finding.severity != "error", finding.code == "ACI207")))


def _classifiers(drilled: Drilled) -> str:
    texts = [classified(examination.bench.clean[0].history) for examination in drilled.examinations]
    if len(set(texts)) <= 1:
        return texts[0] if texts else ""
    names = [examination.bench.operation.name for examination in drilled.examinations]
    return "; ".join(f"{name}: {text}" for name, text in zip(names, texts, strict=True))


def _not_struck(planned: int, struck: int) -> str:
    missed = planned - struck
    return f"{missed} planned runs found nothing to break (a lock already held, nothing to commit)" if missed else ""


def _faults_bound(drilled: Drilled) -> tuple[Bound, ...]:
    modes: dict[str, set[str]] = {}
    for (fault, _), seen in drilled.cells.items():
        modes.setdefault(fault, set()).update(seen)
    if not modes:
        return ()
    ran = [fault for fault in FAULTS if modes.get(fault, set()) & {"real", "simulated"}]
    simulated = [fault for fault in ran if "simulated" in modes[fault]]
    left_out = []
    for fault in FAULTS:
        if fault not in ran and fault in modes and not fault.startswith("effect"):
            reasons = sorted(mode.removeprefix("not applicable: ") for mode in modes[fault])
            specific = [reason for reason in reasons if reason not in _DULL] or reasons
            left_out.append(f"{fault} ({specific[0]})")
    note = f"simulated: {', '.join(simulated)}" if simulated else "all real"
    if left_out:
        note += f"; not applicable: {', '.join(left_out)}"
    return (Bound("faults", len(ran), len(ran) + len(left_out), note),)


_DULL = {"it breaks another kind of Call", "the statement only reads"}


def _notes(drilled: Drilled) -> list[str]:
    notes: list[str] = []
    for examination in drilled.examinations:
        name = examination.bench.operation.name
        notes.extend(f"{name}: {text}" for text in examination.bench.masks.describe())
        if not examination.bench.clean[0].history and examination.bench.operation.expects_refusal:
            notes.append(f"{name}: refused before any database call")
        if any(event.call.kind is Kind.EFFECT for event in examination.bench.clean[0].history):
            counted = ", ".join(f"{effect} {count}×" for effect, count in sorted(examination.bench.clean[0].effects.items()))
            notes.append(f"{name}: effects of the clean run: {counted}")
    notes.append("not covered: other arguments, several callers at once, power loss, faults after the first that are of another kind")
    return list(dict.fromkeys(notes))


def versions() -> dict[str, str]:
    """Versions that a reader needs to judge or repeat the check."""
    found = {"python": platform.python_version()}
    for name in ("acidity", "sqlalchemy", "aiosqlite"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
