"""Judge a run: what the caller was told against what the rows say (DESIGN §5). Pure; rows decide, words never do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from acidity.analysis.answers import same_answer
from acidity.analysis.canonical import bijection, canonical, equal_raw, same
from acidity.analysis.masks import Masks
from acidity.core.call import History, Kind, commits_acknowledged, unanswered_commit
from acidity.core.control import is_write
from acidity.core.finding import Severity
from acidity.core.outcome import Rows, State, Told
from acidity.core.scenario import Operation
from acidity.prove.run import RawEnding, Run
from acidity.prove.spread import spread

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
]


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
    """

    operation: Operation
    seed: State
    clean: Sequence[Run]
    doubled: Run | None
    masks: Masks

    def __post_init__(self) -> None:
        self._digests: dict[int, tuple[State, bytes]] = {}
        self._classes: dict[Any, Rows] = {}
        self._changes_nothing = self._same(self.seed, self.clean[0].second)

    @property
    def changes_nothing(self) -> bool:
        """The clean run leaves the rows as they were, and has no effect elsewhere."""
        return self._changes_nothing and not self.clean[0].effects

    def rows_of(self, state: State, effects: Mapping[str, int]) -> Rows:
        """Where rows and effects stand together: an effect must fit the rows."""
        key = (state.fingerprint, tuple(sorted(effects.items())))
        if key not in self._classes:
            self._classes[key] = self._classify(state, effects)
        return self._classes[key]

    def _classify(self, state: State, effects: Mapping[str, int]) -> Rows:
        clean = self.clean[0]
        counted = {name: count for name, count in effects.items() if count}
        if not counted and self._same(self.seed, state):
            return Rows.BEFORE
        if counted == clean.effects and self._same(clean.second, state):
            return Rows.AFTER
        twice = {name: 2 * count for name, count in clean.effects.items()}
        if self.doubled is not None and counted == twice and self._same(self.doubled.second, state):
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
        pairs = bijection(self.clean[0].second, state, self.seed, self.masks) or {}
        return Told.OK if pairs and same_answer(answers, ending.answer, pairs) else Told.FAILED

    def judge(self, run: Run) -> Judgement:
        """Told against rows; the second look decides."""
        told = self.told(run.ending, run.history, run.second)
        rows = self.rows_of(run.second, run.effects)
        word, severity = self._word(told, rows, run)
        first = self.rows_of(run.first, run.effects)
        by_stranger = (
            severity is not None and word not in {"leaked", "left in doubt", "not refused"} and first is not rows
        )
        return Judgement(told, rows, word, severity, by_stranger)

    def _word(self, told: Told, rows: Rows, run: Run) -> tuple[Word, Severity | None]:
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
                warned = run.ending.broke_off and commits_acknowledged(run.history)
                return ("failed after commit", "warning") if warned else ("false failure", "error")
        return self._leak(run)

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
        if call.kind is Kind.STATEMENT and is_write(call.sql):
            if event.reply.status != "ok":
                return True
            pending.add(call.connection)
        if call.commits and event.reply.status == "ok":
            pending.discard(call.connection)
    return bool(pending)


def wrote(history: History) -> bool:
    """Whether some write was sent."""
    return any(event.call.kind is Kind.STATEMENT and is_write(event.call.sql) for event in history)


def classified(history: History) -> str:
    """The classifier of letter A: how many writes in how many commits."""
    if over_databases := spread(history):
        return over_databases
    pending: dict[int, int] = {}
    writes = commits = 0
    for event in history:
        call = event.call
        if call.kind is Kind.STATEMENT and is_write(call.sql):
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
    return (
        f"{writes} writes in {commits} commits: missing"
        if commits > 1
        else f"{writes} writes, some without commit: missing"
    )
