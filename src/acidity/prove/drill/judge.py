"""Judge a run: what the caller was told against what the rows say (DESIGN §5). Pure; rows decide, words never do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from acidity.analysis.answers import same_answer
from acidity.analysis.canonical import bijection, canonical, equal_raw, same
from acidity.analysis.masks import Masks
from acidity.core.call import History, Writes, commits_acknowledged, unanswered_commit
from acidity.core.finding import Severity
from acidity.core.outcome import Rows, State, Told
from acidity.core.scenario import Operation
from acidity.core.step import Step
from acidity.prove.drill.spread import spread
from acidity.prove.stage.run import RawEnding, Run

Word = Literal[
    "right",
    "torn",
    "doubled",
    "false success",
    "false failure",
    "failed after commit",
    "not refused",
    "leaked",
    "left in doubt",
    "not recovered",
    "not settled",
    "not idempotent",
]
_OF_THE_ROWS: frozenset[Word] = frozenset(("torn", "doubled", "false success", "false failure", "failed after commit"))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one run.

    Attributes:
        told: what the caller was told.
        rows: where the rows stand after the second look.
        word: right, or what is wrong.
        severity: of that.
        by_stranger: the first look said otherwise; a stranger's commit made the difference.
    """

    told: Told
    rows: Rows
    word: Word
    severity: Severity | None
    by_stranger: bool = False

    @property
    def text(self) -> str:
        """The word with its addition."""
        return f"{self.word} by a stranger's commit" if self.by_stranger else self.word


@dataclass
class Bench:
    """What every run of one operation is compared with.

    Attributes:
        operation: the operation.
        seed: the rows before.
        clean: the clean runs; the first is the one that the others are compared with.
        doubled: the rows after the clean change was made twice, or None where that is not possible.
        masks: what is not compared literally.
        several: several commits are intended.
        idle: recover and settle on the rows before, without the operation; None without them.
    """

    operation: Operation
    seed: State
    clean: Sequence[Run]
    doubled: Run | None
    masks: Masks
    several: bool = False
    idle: Run | None = None

    def __post_init__(self) -> None:
        self._digests: dict[int, tuple[State, bytes]] = {}
        self._classes: dict[Any, Rows] = {}
        self._before = self.seed if self.idle is None else self.idle.end
        self._idle_effects = dict(self.idle.effects) if self.idle is not None else {}
        self._changes_nothing = self._same(self._before, self.clean[0].end)

    @property
    def changes_nothing(self) -> bool:
        """The clean run leaves the rows as they were, and has no effect elsewhere."""
        return self._changes_nothing and self.clean[0].effects == self._idle_effects

    @property
    def settled_without(self) -> bool:
        """What the operation changes would have been settled without it, too: it is a relay, or somebody like it."""
        return self.idle is not None and self.changes_nothing and not self._same(self.seed, self.clean[0].second)

    def rows_of(self, state: State, effects: Mapping[str, int]) -> Rows:
        """Where rows and effects stand together: an effect must fit the rows."""
        key = (state.fingerprint, tuple(sorted(effects.items())))
        if key not in self._classes:
            self._classes[key] = self._classify(state, effects)
        return self._classes[key]

    def _classify(self, state: State, effects: Mapping[str, int]) -> Rows:
        clean = self.clean[0]
        counted = {name: count for name, count in effects.items() if count}
        if counted == self._idle_effects and self._same(self._before, state):
            return Rows.BEFORE
        if counted == clean.effects and self._same(clean.end, state):
            return Rows.AFTER
        twice = {name: 2 * count - self._idle_effects.get(name, 0) for name, count in clean.effects.items()}
        if self.doubled is not None and counted == twice and self._same(self.doubled.end, state):
            return Rows.DOUBLED
        return Rows.TORN

    def _same(self, one: State, other: State) -> bool:
        if equal_raw(one, other):
            return True
        return self.digest(one) == self.digest(other) and same(one, other, self.seed, self.masks)

    def digest(self, state: State) -> bytes:
        """The canonical form of a State, short."""
        if id(state) not in self._digests:  # the State is kept too, so that its id stays its own
            self._digests[id(state)] = (state, canonical(state, self.seed, self.masks))
        return self._digests[id(state)][1]

    def told(self, ending: RawEnding, history: History, state: State) -> Told:
        """What the caller was told."""
        if ending.killed:
            return Told.UNKNOWN
        if ending.broke_off:
            return Told.UNKNOWN if unanswered_commit(history) else Told.FAILED
        if ending.succeeded is not None:
            return Told.OK if ending.succeeded else Told.FAILED
        answers = [run.ending.answer for run in self.clean]
        if same_answer(answers, ending.answer, {}):
            return Told.OK
        pairs = bijection(self.clean[0].end, state, self.seed, self.masks) or {}
        return Told.OK if pairs and same_answer(answers, ending.answer, pairs) else Told.FAILED

    def judge(self, run: Run) -> Judgement:
        """Told against rows; the second look decides."""
        told = self.told(run.ending, run.history, run.end)
        rows = self.rows_of(run.end, run.effects)
        word, severity = self._word(told, rows, run)
        looks = {self.rows_of(state, run.effects) for state in (run.first, run.second)}
        by_stranger = severity is not None and word in _OF_THE_ROWS and len(looks) > 1
        return Judgement(told, rows, word, severity, by_stranger)

    def _word(self, told: Told, rows: Rows, run: Run) -> tuple[Word, Severity | None]:
        if run.failed_step is not None:
            return ("not recovered" if run.failed_step.role == "recover" else "not settled"), "error"
        word, severity = self._word_of_rows(told, rows, run)
        if severity != "error" and self.changed_again(run) is not None:
            return "not idempotent", "error"
        return word, severity

    def changed_again(self, run: Run) -> Step | None:
        """The step that changed something, or failed, when it was run a second time."""
        for step in run.again:
            if step.raised or step.effects or not self._same(run.end, step.state):
                return step
        return None

    def _word_of_rows(self, told: Told, rows: Rows, run: Run) -> tuple[Word, Severity | None]:
        if rows is Rows.TORN:
            return "torn", "error"
        if rows is Rows.DOUBLED:
            return "doubled", "error"
        if self.operation.expects_refusal and told is Told.OK:
            return "not refused", "error"
        if not self.changes_nothing:
            if told is Told.OK and rows is Rows.BEFORE:
                return "false success", "error"
            if told is Told.FAILED and rows is Rows.AFTER:
                if run.ending.broke_off and commits_acknowledged(run.history):
                    return "failed after commit", "warning"
                if not (self.several and run.ending.broke_off and self._carried_on(run)):
                    return "false failure", "error"
        return self._leak(run)

    def _carried_on(self, run: Run) -> bool:
        """Whether recovering or settling did what was left to do after a commit; told was that it broke off."""
        if not any(event.call.commits and event.reply.status == "ok" for event in run.history):
            return False
        return any(step.effects for step in run.steps) or not self._same(run.second, run.end)

    @staticmethod
    def _leak(run: Run) -> tuple[Word, Severity | None]:
        if run.in_doubt:  # the rows are right, and nobody can write them until somebody decides
            return "left in doubt", "error"
        if run.stopped or (run.leaks and not equal_raw(run.first, run.second)):
            return "leaked", "error"
        return ("leaked", "warning") if run.leaks else ("right", None)


def writes_left_uncommitted(history: History) -> bool:
    """Whether some write was answered with an error, or no COMMIT was acknowledged after it on its connection."""
    pending: set[int] = set()
    for event in history:
        call = event.call
        if call.writes:
            if event.reply.status != "ok":
                return True
            pending.add(call.connection)
        if call.commits and event.reply.status == "ok":
            pending.discard(call.connection)
    return bool(pending)


def wrote(history: History) -> bool:
    """Whether some write was sent that must show where it was committed."""
    return any(event.call.writes is Writes.YES for event in history)


def classified(history: History, *, several: bool = False) -> str:
    """The classifier of letter A: how many writes in how many commits; `several` commits may be intended."""
    if over_databases := spread(history, several=several):
        return over_databases
    pending: dict[int, int] = {}
    writes = commits = 0
    for event in history:
        call = event.call
        if call.writes:
            writes += 1
            pending[call.connection] = pending.get(call.connection, 0) + 1
        if call.commits and pending.pop(call.connection, 0):
            commits += 1
    if writes == 0:
        return "read only"
    if writes == 1:
        return "1 write: needs no transaction"
    if commits == 1 and not pending:
        return f"{writes} writes in 1 commit: protected"
    if commits == 0:
        return f"{writes} writes, no commit: missing"
    intended = several and not pending
    return (
        f"{writes} writes in {commits} commits: {'intended' if intended else 'missing'}"
        if commits > 1
        else f"{writes} writes, some without commit: missing"
    )
