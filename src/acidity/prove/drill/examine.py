"""Examine one operation: clean runs, then every fault at every Call it fits, then one clean run more to judge by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from acidity.adapters.seam import Interceptor, PassThrough
from acidity.analysis.canonical import TooSymmetric, equal_raw
from acidity.analysis.copies import FirstKeys
from acidity.analysis.diff import row_changes
from acidity.analysis.masks import Masks, NotDeterministic, learn
from acidity.analysis.written import fetches_a_number
from acidity.core.call import Call, Kind
from acidity.core.misfit import Misfit, Mode
from acidity.core.outcome import Rows, State, Told
from acidity.core.report import ExitReason
from acidity.core.said import first_other
from acidity.core.scenario import Operation
from acidity.core.schedule import Schedule
from acidity.engines.base import Unsettled
from acidity.engines.speech import speech_of
from acidity.errors import Terminated, UsageError
from acidity.prove.drill.astray import heard, not_reached, spoiled, strayed, struck_nothing, way_of
from acidity.prove.drill.commits_inside import CommitsInside
from acidity.prove.drill.judge import Baseline, Judged, Lost, attempts
from acidity.prove.drill.plan import plan
from acidity.prove.drill.striker import Strike, struck_run
from acidity.prove.drill.uncommitted import Committing, Undecided, judged, left_writes, lost_by
from acidity.prove.faults import FAULTS
from acidity.prove.faults.base import STRIKES_MAX
from acidity.prove.runs import Runs
from acidity.prove.stage.aftermath import Aftermath
from acidity.prove.stage.clock import let_setup_pass
from acidity.prove.stage.committed import CommitWatch
from acidity.prove.stage.elsewhere import Elsewhere
from acidity.prove.stage.ending import other_first
from acidity.prove.stage.ground import unprotected
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.legal import LegalEnds
from acidity.prove.stage.needs import NOTHING, Needs
from acidity.prove.stage.overseer import DidNotEnd
from acidity.prove.stage.renumbered import as_of_this_process
from acidity.prove.stage.run import Run
from acidity.prove.telling.answers import undecided_answers
from acidity.prove.telling.unfit import clean_run_failed, zero_calls

Wrap = Callable[[], Interceptor]


@dataclass(slots=True)
class Examination:
    """Everything that was seen of one operation.

    Attributes:
        baseline: what runs are compared with.
        judged: the clean run and every run under a fault, judged.
        planned: how many runs there were to make.
        missed: how many runs found nothing to break.
        cells: (fault, kind of Call) → the modes that ran, or the reason why it did not fit.
        unknowns: why something stayed undecided.
        ended: why no more runs were made.
        warmed_up: why the very first run made other calls than those after it, and was left out; or empty.
    """

    baseline: Baseline
    judged: list[Judged] = field(default_factory=list)
    planned: int = 0
    missed: int = 0
    cells: dict[tuple[str, str], set[Mode | Misfit]] = field(default_factory=dict)
    unknowns: list[str] = field(default_factory=list)
    ended: ExitReason = ExitReason.FINISHED
    warmed_up: str = ""

    @property
    def struck(self) -> list[Judged]:
        """The runs in which the fault did break something."""
        return [item for item in self.judged if item.run.struck]


class Examiner:
    """Runs one operation clean and under every fault, and judges each run.

    Args:
        runs: of the check that this is a part of.
        operation: what.
        inspector: of the end states.
        wrap: makes the innermost Interceptor of every run; a remedy under trial.
        label: whose runs these are, for the progress; without one nobody is told.
    """

    def __init__(
        self, runs: Runs, operation: Operation, inspector: Inspector, wrap: Wrap = PassThrough, label: str = ""
    ) -> None:
        self.runs = runs
        self.stage = runs.stage
        self.operation = operation
        self.inspector = inspector
        self.wrap = wrap
        self.label = label
        self.watch = CommitWatch(self.stage, inspector)
        self.inside = CommitsInside(self.stage.parts)
        self.aftermath = Aftermath(self.stage, self.watch)
        self.legal = LegalEnds(self.stage, operation)
        self.idle: Run | None = None
        self.lost: Lost | None = None
        self.warmed_up = ""
        self.needs = NOTHING
        self._others: dict[FirstKeys, State] = {}
        self._elsewhere = Elsewhere(self.stage, lambda: self._clean_run().end)

    def examine(self, only: list[Strike] | None = None) -> Examination:
        """Run, and judge.

        Args:
            only: make these runs instead of all that fit.

        Raises:
            UsageError: the clean run fails though no refusal is expected.
            Undecided: the operation cannot be judged at all.
        """
        try:
            return self._examined(only)
        except Unsettled as error:  # before anything was struck
            raise Undecided(f"{self.operation.name}: {error}") from None

    def _examined(self, only: list[Strike] | None) -> Examination:
        let_setup_pass(self.stage.seed)
        self.legal.require_narrow()
        clean = self._clean_runs()
        self.idle = self.aftermath.alone()
        if self.operation.request is not None and not clean[0].ending.succeeded:
            self._require_refusal(clean[0])  # before its answers are compared
        if self.idle is not None:
            self._require_steps(self.idle, "on the rows before, when nothing was left to do by this operation")
        calls = self._calls(clean[0])
        baseline = self._baseline(clean)
        self._require_told(baseline, clean[0])
        self._require_one_answer(baseline, clean)
        strikes, cells = (
            plan(self.stage, self.operation, calls, self.runs.options.faults) if only is None else (only, {})
        )
        result = Examination(baseline, planned=len(strikes), cells=cells, warmed_up=self.warmed_up)
        try:
            self.lost = self._lost(baseline)
        except Undecided as error:  # what faults do may be torn all the same
            result.unknowns.append(str(error))
        runs = [self._inspected(baseline, self._clean_run())]
        series = self.runs.series(strikes, self.label)
        try:
            for strike in series:
                try:
                    with self.stage.overseer.blaming_signals():
                        runs.append(self._inspected(baseline, self._struck_run(strike)))
                except DidNotEnd as error:
                    result.unknowns.append(f"{self.operation.name}: {strike.schedule}: {error}")
            last = self._clean_run()
            if why := spoiled(self.operation.name, clean[0], last, runs):
                result.unknowns.append(why)
            else:
                clean.append(last)
            times = min(max(attempts(run, clean[0]) for run in runs), STRIKES_MAX + 1)
            if baseline.repeated and times > 2:
                baseline.repeated = self._repeated(clean[0], times)
        except Unsettled as error:
            result.unknowns.append(f"{self.operation.name}: {error}")
        except (KeyboardInterrupt, Terminated) as stop:
            series.stop(stop)
        asked, name = self.runs.options.faults, self.operation.name
        if calls and only is None and (why := struck_nothing(name, asked, len(strikes), runs)):
            result.unknowns.append(why)
        result.ended = series.ended
        if series.left_undone:
            result.unknowns.append(f"{self.operation.name}: {series.left_undone}")
        self._judge_all(result, runs, clean)
        return result

    def _clean_runs(self) -> list[Run]:
        """Two; a first one that made other calls than the two after it has filled a cache, and is left out."""
        clean = [self._clean_run()]
        if any(fetches_a_number(event.call.sql) for event in clean[0].history):
            self.needs = Needs(records=True)
            clean = [self._clean_run()]
        clean.append(self._clean_run())
        if way_of(clean[0].history) != way_of(clean[1].history):
            clean.append(self._clean_run())
            self.warmed_up = other_first(clean[0].ending, clean[1].ending)
        return clean[-2:]

    def _clean_run(self) -> Run:
        interceptor = self.inside.over(self.watch.over(self.wrap()))
        run = self.aftermath.follow(self.stage.run(self.operation, interceptor, needs=self.needs))
        self._require_steps(run, "although nothing was struck")
        return run

    def _require_steps(self, run: Run, when: str) -> None:
        if run.failed_step is not None:
            step = run.failed_step
            raise UsageError(f"{self.operation.name}: {step} fails {when}: {step.raised}")

    def _struck_run(self, strike: Strike) -> Run:
        inner = self.wrap() if strike.fault.in_child else self.watch.over(self.wrap())
        run = self.aftermath.follow(struck_run(self.stage, self.operation, strike, inner))
        return as_of_this_process(run, self.stage.seed)

    def repeat(self, baseline: Baseline, schedule: Schedule) -> Judged:
        """Make one run once more, and judge it.

        Raises:
            Undecided: the clean run can no longer be judged.
            Unsettled: the database did not come to rest.
            TooSymmetric: a bound of the comparison was hit.
        """
        choice = schedule.choices[0] if schedule.choices else None
        strike = Strike(FAULTS[choice.fault], choice.calls, choice.persistent) if choice is not None else None
        run = self._inspected(baseline, self._clean_run() if strike is None else self._struck_run(strike))
        return Judged(run, judged(baseline, run))

    def _calls(self, clean: Run) -> list[Call]:
        name = self.operation.name
        if clean.bypasses:
            raise Undecided(f"{name}: {clean.bypasses[0]}; what passes the seam unseen cannot be checked")
        calls = [event.call for event in clean.history]
        ended_early = self.operation.expects_refusal or clean.ending.exception  # which is judged for itself
        if not any(call.kind is not Kind.EFFECT for call in calls) and not ended_early:
            raise Undecided(zero_calls(self.operation))
        return calls

    def _baseline(self, clean: list[Run]) -> Baseline:
        if way_of(clean[0].history) != way_of(clean[1].history):
            which = first_other(clean[0].history, clean[1].history)
            raise Undecided(
                f"{self.operation.name}: not deterministic: two clean runs made different database calls: {which}"
            )
        masks = self._learn(clean)
        repeated = self._repeated(clean[0], 2)
        try:
            return self._baseline_of(clean, repeated, masks)
        except TooSymmetric as error:
            raise Undecided(f"{self.operation.name}: {error}") from None

    def _baseline_of(self, clean: list[Run], repeated: Sequence[Run], masks: Masks) -> Baseline:
        parts = self.stage.parts.items()
        failing = frozenset(name for name, part in parts if speech_of(part.engine_name).fails_by_errors)
        changed = {change.table for change in row_changes(self.stage.seed, clean[0].end)}
        return Baseline(
            self.operation,
            self.stage.seed,
            clean,
            repeated,
            masks,
            several=self.watch.active,
            idle=self.idle,
            failing=failing,
            lost=self.lost,
            others=self._others,
            unprotected=changed.intersection(unprotected(self.stage.parts)),
        )

    def _learn(self, clean: list[Run]) -> Masks:
        states = [run.end for run in clean]
        try:
            masks = learn(self.stage.seed, states, clean[0].whole_history, self.stage.scenario.ignore)
            return self._elsewhere.with_copies(masks, clean[0].end)
        except NotDeterministic as error:
            raise Undecided(f"{self.operation.name}: not deterministic: {error}") from None
        except TooSymmetric as error:
            raise Undecided(f"{self.operation.name}: {error}") from None

    def _repeated(self, clean: Run, times: int) -> list[Run]:
        """The clean change twice, three times, and so on; no more often than the operation can be repeated."""
        self._clean_run()
        found = [clean]
        for _ in range(1, times):
            again = self.aftermath.follow(self.stage.run(self.operation, self.watch.over(self.wrap()), reset=False))
            told = [(run.ending.answered, run.ending.succeeded) for run in (clean, again)]
            if again.failed_step or told[0] != told[1]:
                break
            last = found[-1]
            effects = {name: last.effects.get(name, 0) + count for name, count in again.effects.items()}
            found.append(replace(again, effects=effects, effect_keys=last.effect_keys | again.effect_keys))
        return found[1:]

    def _lost(self, baseline: Baseline) -> Lost | None:
        """What the clean run writes and never commits; asked by running it once more with that committed."""
        left = left_writes(baseline.clean[0])
        told_ok = baseline.told(baseline.clean[0]) is Told.OK and not self.operation.expects_refusal
        if not left or not told_ok or (baseline.changes_nothing and not baseline.settled_without):
            return None
        committing = Committing(left, self.wrap())
        run = self.aftermath.follow(self.stage.run(self.operation, committing))
        return lost_by(baseline, left, run, committing.refused)

    def _require_told(self, baseline: Baseline, clean: Run) -> None:
        """The clean run must succeed, or refuse as expected."""
        if baseline.told(clean) is not Told.OK:
            self._require_refusal(clean)

    def _require_one_answer(self, baseline: Baseline, clean: list[Run]) -> None:
        """Without ``succeeded=`` the clean run's answer is the measure, so there has to be one."""
        told = [baseline.told(run) for run in clean]
        for run, each in zip(clean, told, strict=True):
            if each is not told[0]:
                answers = f"{clean[0].ending.answer!r} and {run.ending.answer!r}"
                raise Undecided(
                    f"{self.operation.name}: not deterministic: two clean runs answered differently ({answers}); "
                    f"say with succeeded= which answers mean success"
                )

    def _require_refusal(self, clean: Run) -> None:
        """What failed without a fault, and changed no row, was either meant to be refused or leaves nothing to judge.

        Raises:
            UsageError: nobody said that it is to be refused.
        """
        operation, ending = self.operation, clean.ending
        if not equal_raw(self.stage.seed, clean.end):
            return  # rows are there, and the caller was told that it failed: that is judged
        if (operation.refused and ending.answered and not ending.broke_off) or (operation.raises and ending.refusal):
            return
        if operation.request is not None and ending.broke_off:
            said = f"{ending.exception}: {ending.message}" if ending.exception else f"it answered {ending.answer!r}"
            raise UsageError(f"{operation.name}: the application fails by itself: {said}")
        raise UsageError(
            clean_run_failed(operation, ending, clean.history, (part.engine_name for part in self.stage.parts.values()))
        )

    def _inspected(self, baseline: Baseline, run: Run) -> Run:
        self._learn_keys(baseline, run)
        legal = self._legal(baseline, run)
        told = baseline.told(run)
        broken = self.inspector.inspect(run.end, told, run.ending)
        inspected = heard(baseline, replace(run, told=told, broken=broken, legal=legal))
        return self.aftermath.repeat(inspected)

    def _learn_keys(self, baseline: Baseline, run: Run) -> None:
        """A run may have other keys than the clean one, and with them what is made of them."""
        with suppress(TooSymmetric):
            other = self._elsewhere.with_keys_of(run.end, baseline.masks, baseline.clean[0].end)
            if other is not None:
                baseline.add(other)

    def _legal(self, baseline: Baseline, run: Run) -> str:
        """Which end state of ``also=`` this is, where it is neither before nor after.

        What a refusal leaves without a fault is no change that was asked for: it may be one of them, the record of it.
        """
        if not self.operation.also:
            return ""
        refusing = self.operation.expects_refusal
        if not run.schedule.choices and not refusing:
            self.legal.require_not_clean(run.end)
        known = {Rows.BEFORE} if refusing else {Rows.BEFORE, Rows.AFTER}
        return "" if baseline.rows_of(run.end, run.effects) in known else self.legal.holding(run.end)

    def _judge_all(self, result: Examination, runs: list[Run], clean: list[Run]) -> None:
        """Judge with masks learnt from all clean runs: what differs only after a while is found by the last of them."""
        baseline = self._baseline_of(clean, result.baseline.repeated, self._learn(clean))
        result.baseline = baseline
        self._require_one_answer(baseline, clean)
        name = self.operation.name
        result.unknowns.extend(f"{name}: {why}" for why in (*self.watch.unread(), *self.inside.doubts()))
        struck = [run for run in runs if not run.schedule.choices or self._has_struck(result, run)]
        result.unknowns.extend(f"{name}: {why}" for why in not_reached(runs))
        for run in struck:
            result.unknowns.extend(f"{name}: {run.schedule}: {bypass}" for bypass in run.bypasses[:1])
            if other := strayed(run, baseline.clean[0]):
                which = str(run.schedule) if run.schedule.choices else "a later clean run"
                result.unknowns.append(f"{name}: not deterministic: {which} made other database calls: {other}")
                continue
            try:
                result.judged.append(Judged(run, judged(baseline, run)))
            except Undecided as error:  # of the clean run; what faults did may be torn all the same
                result.unknowns.append(str(error))
            except TooSymmetric as error:
                result.unknowns.append(f"{name}: {run.schedule}: {error}")
        unsaid = undecided_answers(baseline, result.judged, invariants_hear=self.inspector.hears)
        result.unknowns.extend(f"{name}: {why}" for why in unsaid)

    def _has_struck(self, result: Examination, run: Run) -> bool:
        """Note in the table of cells how the fault struck, or why it did not."""
        choice, history = run.schedule.choices[0], result.baseline.clean[0].history
        if choice.calls > len(history):
            raise UsageError(
                f"{run.schedule}: {self.operation.name} makes {len(history)} call{'' if len(history) == 1 else 's'}"
            )
        cell = result.cells.setdefault((choice.fault, history[choice.calls - 1].call.kind), set())
        cell.add(run.mode if run.missed is None else run.missed)
        result.missed += not run.struck
        return run.struck
