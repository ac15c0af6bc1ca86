"""Examine one operation: clean runs, then every fault at every Call it fits, then one clean run more to judge by."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from acidity.adapters.seam import Interceptor, PassThrough
from acidity.analysis.canonical import TooSymmetric
from acidity.analysis.masks import Masks, NotDeterministic, learn
from acidity.core.call import Call, Kind
from acidity.core.outcome import Told
from acidity.core.scenario import Operation
from acidity.errors import UsageError
from acidity.prove.clock import let_second_pass
from acidity.prove.faults import FAULTS
from acidity.prove.findings import Judged
from acidity.prove.inspector import Inspector
from acidity.prove.judge import Bench, Judgement, wrote, writes_left_uncommitted
from acidity.prove.run import Run
from acidity.prove.stage import Stage
from acidity.prove.striker import FaultInjector, Strike

Wrap = Callable[[], Interceptor]


class Undecided(Exception):  # noqa: N818  # a verdict, not a mistake of somebody
    """The operation cannot be judged; the text says why."""


@dataclass(slots=True)
class Limits:
    """How much may be spent.

    Attributes:
        runs_max: at most so many runs under faults, over all operations.
        deadline: no run starts after this instant of `time.monotonic`.
        seed: which runs are made when not all can be.
    """

    runs_max: int | None = None
    deadline: float | None = None
    seed: int = 0

    def over(self) -> bool:
        """Whether time is up."""
        return self.deadline is not None and time.monotonic() >= self.deadline


@dataclass(slots=True)
class Examination:
    """Everything that was seen of one operation.

    Attributes:
        bench: what runs are compared with.
        judged: the clean run and every run under a fault, judged.
        planned: how many runs there were to make.
        cells: (fault, kind of Call) → the modes that ran, or the reason why it did not fit.
        unknowns: why something stayed undecided.
    """

    bench: Bench
    judged: list[Judged] = field(default_factory=list)
    planned: int = 0
    cells: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    unknowns: list[str] = field(default_factory=list)

    @property
    def struck(self) -> list[Judged]:
        """The runs in which the fault did break something."""
        return [item for item in self.judged if item.run.struck]


def examine(
    stage: Stage,
    operation: Operation,
    inspector: Inspector,
    limits: Limits,
    progress: Callable[[int, int], None],
    wrap: Wrap = PassThrough,
    only: list[Strike] | None = None,
) -> Examination:
    """Run it clean, run it under every fault, judge.

    Args:
        stage: where.
        operation: what.
        inspector: of the end states.
        limits: how much may be spent.
        progress: told how many runs of how many are done.
        wrap: makes the innermost Interceptor of every run; a remedy under trial.
        only: make these runs instead of all that fit.

    Raises:
        UsageError: the clean run fails though no refusal is expected.
        Undecided: the operation cannot be judged at all.
    """
    let_second_pass(stage.seed)
    clean = [stage.run(operation, wrap()) for _ in range(2)]
    calls = _calls(operation, clean[0])
    bench = _bench(stage, operation, clean, wrap)
    _require_told(bench, clean[0])
    strikes, cells = plan(stage, operation, calls) if only is None else (only, {})
    result = Examination(bench, planned=len(strikes), cells=cells)
    runs = [_inspected(inspector, bench, stage.run(operation, wrap()))]
    try:
        for number, strike in enumerate(_chosen(strikes, limits), 1):
            if limits.over():
                result.unknowns.append(f"{operation.name}: the time budget was used up after {number - 1} of {len(strikes)} runs")
                break
            runs.append(_struck_run(stage, operation, inspector, bench, strike, wrap))
            progress(number, len(strikes))
        else:
            if limits.runs_max is not None and limits.runs_max < len(strikes):
                result.unknowns.append(f"{operation.name}: {limits.runs_max} of {len(strikes)} runs were made (runs_max)")
        clean.append(stage.run(operation, wrap()))
    except KeyboardInterrupt:
        result.unknowns.append(f"{operation.name}: interrupted after {len(runs) - 1} of {len(strikes)} runs")
    _judge_all(result, stage, runs, clean)
    return result


def plan(stage: Stage, operation: Operation, calls: list[Call]) -> tuple[list[Strike], dict[tuple[str, str], set[str]]]:
    """Every (Call, fault, once or persistent) that fits, and the reasons of those that do not."""
    lab = stage.lab(operation)
    strikes: list[Strike] = []
    cells: dict[tuple[str, str], set[str]] = {}
    for call in calls:
        for name in FAULTS:
            fault = FAULTS[name]
            misfit = fault.misfit(call, lab)
            if misfit:
                cells.setdefault((name, call.kind), set()).add(f"not applicable: {misfit}")
                continue
            strikes.append(Strike(fault, call.index))
            if fault.persistent:
                strikes.append(Strike(fault, call.index, persistent=True))
    return strikes, cells


def _chosen(strikes: list[Strike], limits: Limits) -> Iterator[Strike]:
    if limits.runs_max is None or limits.runs_max >= len(strikes):
        yield from strikes
        return
    kept = random.Random(limits.seed).sample(range(len(strikes)), limits.runs_max)  # noqa: S311
    yield from (strikes[index] for index in sorted(kept))


def _calls(operation: Operation, clean: Run) -> list[Call]:
    if clean.bypasses:
        raise Undecided(f"{operation.name}: {clean.bypasses[0]}; what passes the seam unseen cannot be checked")
    calls = [event.call for event in clean.history]
    if not any(call.kind is not Kind.EFFECT for call in calls) and not operation.expects_refusal:
        raise Undecided(f"{operation.name}: the operation made no database call (zero Calls), so nothing was checked")
    return calls


def _bench(stage: Stage, operation: Operation, clean: list[Run], wrap: Wrap) -> Bench:
    shapes = [[(event.call.kind, event.call.sql) for event in run.history] for run in clean]
    if shapes[0] != shapes[1]:
        raise Undecided(f"{operation.name}: not deterministic: two clean runs made different database calls")
    masks = _learn(stage, operation, clean)
    doubled = _doubled(stage, operation, clean[0], wrap)
    try:
        return Bench(operation, stage.seed, clean, doubled, masks)
    except TooSymmetric as error:
        raise Undecided(f"{operation.name}: {error}") from None


def _learn(stage: Stage, operation: Operation, clean: list[Run]) -> Masks:
    try:
        return learn(stage.seed, [run.second for run in clean], clean[0].history, stage.scenario.ignore)
    except NotDeterministic as error:
        raise Undecided(f"{operation.name}: not deterministic: {error}") from None
    except TooSymmetric as error:
        raise Undecided(f"{operation.name}: {error}") from None


def _doubled(stage: Stage, operation: Operation, clean: Run, wrap: Wrap) -> Run | None:
    """The clean change twice; None when the operation cannot be repeated."""
    stage.run(operation, wrap())
    again = stage.run(operation, wrap(), reset=False)
    same_kind = (again.ending.answered, again.ending.succeeded) == (clean.ending.answered, clean.ending.succeeded)
    if not same_kind:
        return None
    effects = {name: clean.effects.get(name, 0) + count for name, count in again.effects.items()}
    return replace(again, effects=effects)


def _require_told(bench: Bench, clean: Run) -> None:
    """The clean run must succeed, or refuse as expected."""
    operation, ending = bench.operation, clean.ending
    told = bench.told(ending, clean.history, clean.second)
    if told is Told.OK:
        return
    expected = (operation.refused and ending.answered) or (bool(operation.raises) and ending.refusal)
    if expected:
        return
    said = f"{ending.exception}: {ending.message}" if ending.exception else f"it answered {ending.answer!r}"
    hint = "raises=<its class> if this refusal is expected" if ending.exception else "refused=True if this is expected"
    raise UsageError(f"{operation.name}: the clean run failed, so there is nothing to compare with ({said}); say {hint}")


def _struck_run(
    stage: Stage, operation: Operation, inspector: Inspector, bench: Bench, strike: Strike, wrap: Wrap
) -> Run:
    injector = FaultInjector(strike, stage.lab(operation), wrap())
    return _inspected(inspector, bench, stage.run(operation, injector, strike.schedule))


def _inspected(inspector: Inspector, bench: Bench, run: Run) -> Run:
    told = bench.told(run.ending, run.history, run.second)
    return replace(run, broken=inspector.inspect(run.second, told, run.ending))


def _judge_all(result: Examination, stage: Stage, runs: list[Run], clean: list[Run]) -> None:
    """Judge with masks learnt from all clean runs: what differs only after a while is found by the last of them."""
    operation = result.bench.operation
    masks = _learn(stage, operation, clean)
    result.bench = bench = Bench(operation, stage.seed, clean, result.bench.doubled, masks)
    for run in runs:
        fault = run.schedule.choices[0].fault if run.schedule.choices else ""
        if fault:
            index = run.schedule.choices[0].calls
            if index > len(clean[0].history):
                raise UsageError(f"{run.schedule}: {operation.name} makes {len(clean[0].history)} calls")
            kind = clean[0].history[index - 1].call.kind
            mode = run.mode if run.struck else f"not applicable: {run.missed}"
            result.cells.setdefault((fault, kind), set()).add(mode)
            if not run.struck:
                if not run.missed or run.missed == "the Call was not reached":
                    result.unknowns.append(f"{operation.name}: {run.schedule} did not reach its Call: not deterministic")
                continue
        if run.bypasses:
            result.unknowns.append(f"{operation.name}: {run.schedule}: {run.bypasses[0]}")
        try:
            result.judged.append(Judged(run, _judge(bench, run)))
        except TooSymmetric as error:
            result.unknowns.append(f"{operation.name}: {run.schedule}: {error}")


def _judge(bench: Bench, run: Run) -> Judgement:
    judgement = bench.judge(run)
    if run.schedule.choices or bench.operation.expects_refusal or not bench.changes_nothing or not wrote(run.history):
        return judgement
    if writes_left_uncommitted(run.history):
        return replace(judgement, word="false success", severity="error")
    raise Undecided(
        f"{bench.operation.name}: its writes were committed and changed no row; give it arguments with which it changes some"
    )
