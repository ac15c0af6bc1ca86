"""The Reports of a drill: letter A (all or nothing, and told the truth) and letter C (constraints and invariants)."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from acidity.analysis.diff import row_changes
from acidity.analysis.left import Left
from acidity.analysis.masks import Masks
from acidity.core.call import History, Kind, Site, Writes
from acidity.core.codes import CODES
from acidity.core.finding import Finding
from acidity.core.misfit import Misfit, Mode
from acidity.core.options import CheckOptions
from acidity.core.outcome import Rows, Told
from acidity.core.report import Bound, Report
from acidity.engines.several import JOINED
from acidity.prove.checks import Check
from acidity.prove.drill.classifier import classified
from acidity.prove.drill.drill import Drilled, run_drill
from acidity.prove.drill.examine import Examination
from acidity.prove.drill.striker import strikes
from acidity.prove.faults import FAULTS
from acidity.prove.faults.base import STRIKES_MAX

_NOT_COVERED = ("other arguments", "several callers at once", "power loss", "two faults of different kinds")
_MISREPORTED = ("false success", "false failure", "not refused")


def atomicity_report(drilled: Drilled, asked: CheckOptions) -> Report:
    """Letter A: all or nothing, and told the truth."""
    struck = [item for examination in drilled.examinations for item in examination.struck]
    rows = Counter(item.judgement.rows for item in struck)
    misreported = sum(1 for item in struck if item.judgement.word in _MISREPORTED)
    calls = sum(len(examination.baseline.clean[0].history) for examination in drilled.examinations)
    faults = len({item.run.schedule.choices[0].fault for item in struck})
    leaked = sum(1 for item in struck if item.judgement.word == "leaked" and item.judgement.severity == "error")
    doubtful = sum(1 for item in struck if item.judgement.word == "left in doubt")
    headline = (
        f"{counted(calls, 'call')} × {counted(faults, 'fault')} = {counted(len(struck), 'run')}: "
        f"{rows[Rows.BEFORE]} before · {rows[Rows.AFTER]} after · {rows[Rows.TORN]} torn"
        + (f" · {rows[Rows.LEGAL]} legal" if rows[Rows.LEGAL] else "")
        + (f" · {rows[Rows.DOUBLED]} doubled" if rows[Rows.DOUBLED] else "")
        + f" · {misreported} misreported"
    ) + (f" · {leaked} leaked" if leaked else "")
    headline += f" · {doubtful} left in doubt" if doubtful else ""
    planned = sum(examination.planned for examination in drilled.examinations)
    return Report(
        check="drill",
        target=asked.target,
        engine=drilled.engine.at(asked.isolation_level),
        runs=len(struck),
        bounds=(
            Bound("runs", len(struck), planned, _not_struck(drilled)),
            *_faults_bound(drilled, asked),
            *_steps_bound(drilled),
        ),
        findings=tuple(drilled.atomicity[place] for place in _order(drilled.atomicity)),
        unknowns=tuple(drilled.unknowns),
        headline=headline if drilled.examinations else "",
        classifier=_classifiers(drilled),
        counts={
            **{each.value: rows[each] for each in (Rows.BEFORE, Rows.AFTER, Rows.LEGAL, Rows.TORN, Rows.DOUBLED)},
            "misreported": misreported,
            "leaked": leaked,
            "left in doubt": doubtful,
        },
        notes=tuple(_notes(drilled)),
        not_covered=(
            *_NOT_COVERED,
            *(f"the effect {effect} (never called)" for effect in _idle(drilled)),
            *(
                f"errors that the database meets inside what it runs at {site}"
                for site in _code_of_the_database(drilled)
            ),
        ),
        ended=drilled.ended,
        seed=asked.seed,
        versions=versions(),
        elapsed_s=drilled.elapsed_s,
    )


def consistency_report(drilled: Drilled, asked: CheckOptions) -> Report:
    """Letter C: declared constraints and stated invariants, in every end state."""
    looked = f"{counted(drilled.invariants, 'invariant')} and {counted(drilled.constraints, 'declared constraint')}"
    broken = len(drilled.broken)
    states = "committed state" if drilled.several else "end state"
    where = f"the only {states}" if drilled.states == 1 else f"all {counted(drilled.states, states)}"
    held = f"{looked} held in {where}" if not broken else f"{looked}: {broken} broken"
    note = (
        "the end states of the drill, and what its operations committed on the way"
        if drilled.several
        else ("the end states of the drill, no others")
    )
    return Report(
        check="consistency",
        target=asked.target,
        engine=drilled.engine.at(asked.isolation_level),
        runs=sum(len(examination.judged) for examination in drilled.examinations),
        bounds=(Bound(f"{states}s", drilled.states, drilled.states, note),),
        findings=_told_with_atomicity(drilled),
        unknowns=tuple(drilled.unknowns),
        headline="" if not drilled.examinations else f"{looked}: {broken} broken" if broken else held,
        counts={"broken": broken},
        not_covered=(
            *_NOT_COVERED,
            *(f"the invariant {name} (it returned nothing each time, and has no raise)" for name in drilled.mute),
        ),
        stated=drilled.stated,
        ended=drilled.ended,
        seed=asked.seed,
        versions=versions(),
        elapsed_s=drilled.elapsed_s,
    )


def drill_report(drilled: Drilled, asked: CheckOptions) -> Report:
    """Both letters in one Report, for `prove.drill`: each cause once, with the rules that it breaks."""
    report = atomicity_report(drilled, asked)
    consistency = consistency_report(drilled, asked)
    told = {number for number, same in drilled.same.items() if drilled.atomicity[same].severity == "error"}
    findings = [*drilled.atomicity, *(each for number, each in enumerate(drilled.consistency) if number not in told)]
    return replace(
        report,
        findings=tuple(findings[place] for place in _order(findings)),
        bounds=(*report.bounds, *consistency.bounds),
        notes=(*report.notes, consistency.headline) if consistency.headline and drilled.stated else report.notes,
    )


ATOMIC = Check("drill", run_drill, atomicity_report)
CONSISTENT = Check("consistency", run_drill, consistency_report)
DRILL = Check("drill", run_drill, drill_report)


def _unknown_to(fault: str, engine: str) -> bool:
    """Whether the engine has nothing of this kind; the table of faults gives the reason."""
    ways = getattr(FAULTS[fault], "ways", {})
    return all(isinstance(ways.get(each, ways.get("*", "")), str) for each in engine.split(JOINED))


def _masks_in_use(examination: Examination) -> Masks:
    """The masks of what the operation changes; others hide nothing."""
    baseline = examination.baseline
    return baseline.masks.in_use(baseline.seed, [each.end for each in baseline.clean])


def _changed(examination: Examination) -> list[str]:
    """The tables of which the clean run changes rows, sorted."""
    baseline = examination.baseline
    return sorted({change.table for change in row_changes(baseline.seed, baseline.clean[0].end)})


def counted(number: int, noun: str) -> str:
    """``1 invariant``, ``3 invariants``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _order(findings: Sequence[Finding]) -> list[int]:
    """The places of findings in the order in which they are told."""

    def rank(place: int) -> tuple[bool, bool]:
        return findings[place].severity != "error", CODES[findings[place].code].of_a_library

    return sorted(range(len(findings)), key=rank)


def _told_with_atomicity(drilled: Drilled) -> tuple[Finding, ...]:
    """The findings of letter C, each with the one of letter A that has the same cause."""
    numbers = {place: number for number, place in enumerate(_order(drilled.atomicity), start=1)}
    found = []
    for place in _order(drilled.consistency):
        same = drilled.same.get(place)
        see = () if same is None else (f"A.{numbers[same]}",)
        found.append(replace(drilled.consistency[place], see=see))
    return tuple(found)


def _classifiers(drilled: Drilled) -> str:
    texts = [
        classified(
            _without_idle(each),
            several=drilled.several,
            refused=each.baseline.operation.expects_refusal,
            unprotected=[
                f"{name} ({drilled.unprotected[name]})" for name in _changed(each) if name in drilled.unprotected
            ],
            unasked=each.baseline.clean[0].unasked,
            given_up=each.baseline.clean[0].given_up,
            resets=each.baseline.clean[0].resets,
        )
        for each in drilled.examinations
    ]
    if len(set(texts)) <= 1:
        return texts[0] if texts else ""
    names = [examination.baseline.operation.name for examination in drilled.examinations]
    return "; ".join(f"{name}: {text}" for name, text in zip(names, texts, strict=True))


def _without_idle(examination: Examination) -> History:
    """The clean run; CREATE TABLE IF NOT EXISTS of a table that is there, and its like, is no write in it."""
    baseline = examination.baseline
    left = Left(baseline.seed, baseline.whole)
    return tuple(
        replace(event, call=replace(event.call, writes=Writes.NO)) if left.kept_schema(event.call) else event
        for event in baseline.clean[0].history
    )


def _not_struck(drilled: Drilled) -> str:
    missed = sum(examination.missed for examination in drilled.examinations)
    return f"{missed} planned runs found nothing to break (a lock already held, nothing to commit)" if missed else ""


def _faults_bound(drilled: Drilled, asked: CheckOptions) -> tuple[Bound, ...]:
    """Which faults ran, which of them were simulated, and which could not run here although their kind of Call came."""
    modes: dict[str, set[Mode | Misfit]] = {}
    for (fault, _), seen in drilled.cells.items():
        modes.setdefault(fault, set()).update(seen)
    ran = [fault for fault in FAULTS if modes.get(fault, set()) & {"real", "simulated"}]
    if not ran:
        return ()
    simulated = [fault for fault in ran if "simulated" in modes[fault]]
    left_out = []
    for fault in FAULTS:
        misfits = [each for each in modes.get(fault, set()) if isinstance(each, Misfit)]
        reasons = sorted(misfit.reason for misfit in misfits if not misfit.dull)
        if fault not in ran and reasons and not _unknown_to(fault, drilled.engine.name):
            left_out.append(f"{fault} ({reasons[0]})")
    note = f"simulated: {', '.join(simulated)}" if simulated else "all real"
    if left_out:
        note += f"; not applicable: {', '.join(left_out)}"
    if asked.faults is not None:
        note += "; no others were asked for"
    return (Bound("faults", len(ran), len(ran) + len(left_out), note),)


def _steps_bound(drilled: Drilled) -> tuple[Bound, ...]:
    """In how many runs recover and settle ran to their end."""
    if not drilled.steps:
        return ()
    runs = [item.run for examination in drilled.examinations for item in examination.judged]
    through = sum(1 for run in runs if run.failed_step is None)
    return (Bound(drilled.steps, through, len(runs), "these ran without faults; drill them as operations, too"),)


def _notes(drilled: Drilled) -> list[str]:
    notes: list[str] = []
    for examination in drilled.examinations:
        name = examination.baseline.operation.name
        notes.extend(f"{name}: {text}" for text in _masks_in_use(examination).describe())
        if not examination.baseline.clean[0].history and examination.baseline.operation.expects_refusal:
            notes.append(f"{name}: refused before any database call")
        if any(event.call.kind is Kind.EFFECT for event in examination.baseline.clean[0].history):
            took_place = sorted(examination.baseline.clean[0].effects.items())
            effects = ", ".join(f"{effect} {count}×" for effect, count in took_place)
            notes.append(f"{name}: effects of the clean run: {effects or 'none that is counted'}")
        if examination.warmed_up:
            notes.append(f"{name}: the very first run is not drilled ({examination.warmed_up})")
        if examination.baseline.settled_without:
            notes.append(f"{name}: recover and settle reach the same rows without it: only a loss or a double is seen")
        doubtful = [item.judgement for item in examination.struck if item.judgement.told is Told.UNKNOWN]
        committed = sum(1 for judgement in doubtful if judgement.rows is Rows.AFTER)
        if committed:
            ended = f"{counted(committed, 'run')} left the caller in doubt although everything was committed"
            notes.append(f"{name}: {ended}: the caller has to resolve the outcome")
        outlasted = sum(1 for item in examination.struck if strikes(item.run.history) >= STRIKES_MAX)
        if outlasted:
            ended = f"in {counted(outlasted, 'run')} the fault ended after {STRIKES_MAX} strikes"
            notes.append(f"{name}: {ended}: the operation would have tried on")
    if drilled.left_out:
        notes.append(f"not compared: {', '.join(drilled.left_out)}")
    return list(dict.fromkeys(notes))


def _code_of_the_database(drilled: Drilled) -> Iterator[Site]:
    """Where procedures, functions and blocks are called: only few faults are met inside, where a handler may hear."""
    clean = (examination.baseline.clean[0] for examination in drilled.examinations)
    calls = [event.call for run in clean for event in run.history]
    unseen = [call.site for call in calls if call.opaque or call.writes is Writes.PERHAPS]
    yield from sorted({site for site in unseen if site is not None})


def _idle(drilled: Drilled) -> list[str]:
    """Effects that no clean run has made, nor a step after it."""
    clean = [run for examination in drilled.examinations for run in examination.baseline.clean[:1]]
    histories = [history for run in clean for history in (run.history, *(step.history for step in run.steps))]
    called = {event.call.sql for history in histories for event in history if event.call.kind is Kind.EFFECT}
    return [effect for effect in drilled.effects if effect not in called] if drilled.examinations else []


def versions() -> dict[str, str]:
    """Versions that a reader needs to judge or repeat the check."""
    return {"python": platform.python_version(), **_installed()}


@cache
def _installed() -> dict[str, str]:
    """Each is read from a file of its own, which takes longer than a run."""
    found = {}
    for name in ("acidity", "sqlalchemy", "aiosqlite"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
