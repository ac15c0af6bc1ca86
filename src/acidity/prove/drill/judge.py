"""Judge a run: what the caller was told against what the rows say (DESIGN §5). Pure; rows decide, words never do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from acidity.analysis.answers import Likeness
from acidity.analysis.canonical import equal_raw
from acidity.analysis.compare import Comparer
from acidity.analysis.copies import FirstKeys, first_keys_of
from acidity.analysis.masks import Masks
from acidity.core.call import Event, History, Kind, Writes, commits_acknowledged, commits_once_struck, unanswered_commit
from acidity.core.cause import Severity
from acidity.core.outcome import Rows, State, Told
from acidity.core.scenario import Operation
from acidity.core.step import Step
from acidity.prove.drill.partial import done_in_part, other_new_rows
from acidity.prove.stage.run import Run

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
    "undecided",
]
_TAKEN = "constraint"  # the fault that says so
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
    def undecided(self) -> bool:
        """Whether the run is neither right nor wrong until the user says what its answer means."""
        return self.word == "undecided"

    @property
    def text(self) -> str:
        """The word with its addition."""
        return f"{self.word} by a stranger's commit" if self.by_stranger else self.word


@dataclass(frozen=True, slots=True)
class Judged:
    """A run with its Judgement.

    Attributes:
        run: what happened.
        judgement: what became of it.
    """

    run: Run
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Lost:
    """What the clean run writes and never commits.

    Attributes:
        writes: the writes.
        end: the rows as they would be, had it been committed.
    """

    writes: tuple[Event, ...]
    end: State


@dataclass
class Baseline:
    """What every run of one operation is compared with.

    Attributes:
        operation: the operation.
        seed: the rows before.
        clean: the clean runs; the first is the one that the others are compared with.
        repeated: the runs after which the clean change was made twice, three times, …; none where that is not possible.
        masks: what is not compared literally.
        several: several commits are intended.
        idle: recover and settle on the rows before, without the operation; None without them.
        failing: the databases in which an error fails the whole transaction.
        lost: what the clean run loses by itself.
        others: the rows after clean runs whose new keys begin at other numbers, by these.
        unprotected: the tables whose rows it changes and that keep no transactions.
        leaves_rows: it leaves the rows as they are without it, whatever takes place elsewhere.
    """

    operation: Operation
    seed: State
    clean: Sequence[Run]
    repeated: Sequence[Run]
    masks: Masks
    several: bool = False
    idle: Run | None = None
    failing: Collection[str] = ()
    lost: Lost | None = None
    others: dict[FirstKeys, State] = field(default_factory=dict)
    unprotected: Collection[str] = ()

    def __post_init__(self) -> None:
        self.comparer = Comparer(self.seed, self.masks)
        self._classes: dict[Any, Rows] = {}
        self._before = self.seed if self.idle is None else self.idle.end
        self._idle_effects = dict(self.idle.effects) if self.idle is not None else {}
        self.leaves_rows = self.comparer.same(self._before, self.clean[0].end)

    @cached_property
    def _fails_by_itself(self) -> bool:
        """The clean run changes rows, and then says that it failed."""
        return self.told(self.clean[0]) is Told.FAILED and not self.leaves_rows

    @property
    def whole(self) -> State:
        """The rows as they should be after a run that is told ok."""
        return self.clean[0].end if self.lost is None else self.lost.end

    @property
    def changes_nothing(self) -> bool:
        """The clean run leaves the rows as they were, and has no effect elsewhere."""
        return self.leaves_rows and self.clean[0].effects == self._idle_effects

    @property
    def settled_without(self) -> bool:
        """What the operation changes would have been settled without it, too: it is a relay, or somebody like it."""
        return (
            self.idle is not None and self.changes_nothing and not self.comparer.same(self.seed, self.clean[0].second)
        )

    def counted(self, table: str) -> bool:
        """Whether the rows of this table are compared at all."""
        return table not in self.masks.tables

    def rows_of(self, state: State, effects: Mapping[str, int]) -> Rows:
        """Where rows and effects stand together: an effect must fit the rows."""
        key = (state.fingerprint, tuple(sorted(effects.items())))
        if key not in self._classes:
            self._classes[key] = self._classify(state, effects)
        return self._classes[key]

    def add(self, other: State) -> None:
        """These are the rows after a clean run with the keys that they have."""
        self.others[first_keys_of(other, self.seed, self.masks)] = other
        self._classes.clear()

    def rows_alone(self, state: State) -> Rows:
        """Where the rows stand, whatever took place outside the database."""
        alone = (self.rows_of(state, self._idle_effects), self.rows_of(state, self.clean[0].effects))
        return next((rows for rows in alone if rows in {Rows.BEFORE, Rows.AFTER}), Rows.TORN)

    def effects_misfit(self, item: Judged) -> bool:
        """Whether the rows are whole, and what took place outside the database does not fit them."""
        together = {item.judgement.rows, self.rows_of(item.run.end, item.run.effects)}
        return together <= {Rows.TORN, Rows.DOUBLED} and self.rows_alone(item.run.end) in {Rows.BEFORE, Rows.AFTER}

    def _classify(self, state: State, effects: Mapping[str, int]) -> Rows:
        clean = self.clean[0]
        counted = {name: count for name, count in effects.items() if count}
        if counted == self._idle_effects and self.comparer.same(self._before, state):
            return Rows.BEFORE
        whole = self.others.get(first_keys_of(state, self.seed, self.masks), clean.end) if self.others else clean.end
        if counted == clean.effects and self.comparer.same(whole, state):
            return Rows.AFTER
        for times, repeated in enumerate(self.repeated, start=2):
            if counted == self._effects_of(times, repeated) and self.comparer.same(repeated.end, state):
                return Rows.DOUBLED
        return Rows.TORN

    def _effects_of(self, times: int, repeated: Run) -> dict[str, int]:
        """How often each effect takes place when all is done so many times: those with a key once for each key."""
        keyed = Counter(name for name, _ in repeated.effect_keys)
        return {
            name: keyed[name] or times * count - (times - 1) * self._idle_effects.get(name, 0)
            for name, count in self.clean[0].effects.items()
        }

    def told(self, run: Run) -> Told:
        """What the caller was told (DESIGN §5 *Told*)."""
        ending = run.ending
        if ending.killed or ending.leaves_open:
            return Told.UNKNOWN
        if ending.broke_off:
            in_doubt = unanswered_commit(run.history) or (ending.cancelled and commits_once_struck(run.history))
            return Told.UNKNOWN if in_doubt else Told.FAILED
        if ending.succeeded is not None:
            return Told.OK if ending.succeeded else Told.FAILED
        cleans = [(clean.ending.answer, clean.end) for clean in self.clean]
        likeness = self.comparer.likeness(cleans, ending.answer, run.end)
        if likeness is Likeness.NUMBERS:
            return Told.OK if self._did_it_all(run) else Told.UNDECIDED
        return {Likeness.SAME: Told.OK, Likeness.FAILED: Told.FAILED}.get(likeness, Told.UNDECIDED)

    def _did_it_all(self, run: Run) -> bool:
        """Whether rows and effects are those of the clean run."""
        rows = self.rows_of(run.end, run.effects)
        return rows is Rows.AFTER or (rows is Rows.BEFORE and self.changes_nothing)

    def judge(self, run: Run) -> Judgement:
        """Told against rows; the second look decides.

        What a run was told is decided once, when it is inspected; where only the masks of later clean runs show that
        its rows are those of the clean run, it is decided here.
        """
        told = self.told(run) if run.told is None or run.told is Told.UNDECIDED else run.told
        rows = self._rows(run)
        word, severity = self._word(told, rows, run)
        looks = {self.rows_of(state, run.effects) for state in (run.first, run.second)}
        by_stranger = severity is not None and word in _OF_THE_ROWS and len(looks) > 1
        return Judgement(told, rows, word, severity, by_stranger)

    def _rows(self, run: Run) -> Rows:
        """Where the rows stand. In an end state that ``also=`` names no effect may have taken place too often."""
        rows = self.rows_of(run.end, run.effects)
        if rows in {Rows.BEFORE, Rows.AFTER}:
            return Rows.LEGAL if run.legal else rows  # the record of a refusal, which the clean run leaves, too
        counted = {name: count for name, count in run.effects.items() if count}
        if run.legal and counted in (self._idle_effects, self.clean[0].effects):
            return Rows.LEGAL
        return Rows.LEGAL if self._done_in_part(run.end, counted) else rows

    def _done_in_part(self, state: State, effects: Mapping[str, int]) -> bool:
        """Whether ``partial=`` allows these rows; effects then took place no oftener than in the clean run."""
        tables, most = self.operation.partial, self.clean[0].effects
        fits = all(self._idle_effects.get(name, 0) <= count <= most.get(name, 0) for name, count in effects.items())
        return bool(tables) and fits and done_in_part(state, self._before, self.clean[0].end, tables, self.masks)

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
            if step.raised or step.effects or not self.comparer.same(run.end, step.state):
                return step
        return None

    def _word_of_rows(self, told: Told, rows: Rows, run: Run) -> tuple[Word, Severity | None]:
        if rows is Rows.TORN:
            return ("undecided", None) if self._takes_another(told, run) else ("torn", "error")
        if rows is Rows.DOUBLED:
            return "doubled", "error"
        if self.operation.expects_refusal and told is Told.OK:
            return "not refused", "error"
        if rows is Rows.LEGAL:
            return self._leak(run)
        leak, severity = self._leak(run)
        if self.changes_nothing or self._is_declared_refusal(run):
            return leak, severity
        if told is Told.UNDECIDED:
            return (leak, severity) if severity == "error" else ("undecided", None)
        if told is Told.OK and rows is Rows.BEFORE:
            return "false success", "error"
        if told is Told.FAILED and rows is Rows.AFTER:
            if self._fails_by_itself:
                return "false failure", "error"
            if run.ending.broke_off and commits_acknowledged(run.history):
                return "failed after commit", "warning"
            if not (self.several and run.ending.broke_off and self._carried_on(run)):
                return "false failure", "error"
        return leak, severity

    def _takes_another(self, told: Told, run: Run) -> bool:
        """Whether it was told that a value is taken, and has written as many rows with others, as with the next name.

        Only the user can say whether that is what it should do.
        """
        (choice, *more) = run.schedule.choices or (None,)
        taken = choice is not None and not more and choice.fault == _TAKEN and run.struck
        return (
            taken
            and run.ending.answered
            and told is not Told.FAILED
            and run.effects == self.clean[0].effects
            and other_new_rows(run.end, self._before, self.whole, self.masks)
        )

    def _is_declared_refusal(self, run: Run) -> bool:
        """Whether it raised what ``raises=`` declares, as the clean run does, which leaves the rows as before."""
        return self.leaves_rows and run.ending.refusal and self.clean[0].ending.refusal

    def _carried_on(self, run: Run) -> bool:
        """Whether recovering or settling did what was left to do after a commit; told was that it broke off."""
        if not any(event.call.commits and event.reply.status == "ok" for event in run.history):
            return False
        return any(step.effects for step in run.steps) or not self.comparer.same(run.second, run.end)

    @staticmethod
    def _leak(run: Run) -> tuple[Word, Severity | None]:
        if run.in_doubt:  # the rows are right, and nobody can write them until somebody decides
            return "left in doubt", "error"
        if run.stopped or (run.leaks and not equal_raw(run.first, run.second)):
            return "leaked", "error"
        return ("leaked", "warning") if run.leaks or run.owed else ("right", None)


def writes_left_uncommitted(history: History) -> bool:
    """Whether some write was answered with an error, no COMMIT was acknowledged after it on its connection, or all of
    them were rolled back.
    """
    pending: set[int] = set()
    taken_back = committed = False
    for event in history:
        call = event.call
        if call.writes:
            if event.reply.status != "ok":
                return True
            pending.add(call.connection)
        if call.kind is Kind.ROLLBACK and call.connection in pending:
            pending.discard(call.connection)
            taken_back = True
        if call.commits and event.reply.status == "ok":
            committed = committed or call.connection in pending
            pending.discard(call.connection)
    return bool(pending) or (taken_back and not committed)


def hidden_error(history: History, failing: Collection[str]) -> Event | None:
    """The error that failed a transaction with writes in it, and whose COMMIT was acknowledged all the same.

    The database answers it with a ROLLBACK, which drivers tell nobody.

    Args:
        history: of a run without a fault.
        failing: the databases in which an error fails the whole transaction.
    """
    failed: dict[int, Event] = {}
    written: set[int] = set()
    for event in history:
        call, connection = event.call, event.call.connection
        if event.reply.status == "error":
            if call.database in failing and event.reply.code and not call.autocommit:
                failed.setdefault(connection, event)
        elif call.kind is Kind.COMMIT and connection in failed and connection in written:
            return failed[connection]
        elif call.kind in {Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK}:
            failed.pop(connection, None)
            written.discard(connection)
        elif call.kind is Kind.ROLLBACK_TO:
            failed.pop(connection, None)
        if call.writes:
            written.add(connection)
    return None


def wrote(history: History) -> bool:
    """Whether some write was sent that must show where it was committed."""
    return any(event.call.writes is Writes.YES for event in history)


def attempts(run: Run, clean: Run) -> int:
    """How often a run may have made the whole change, by its commits."""
    made = [
        sum(event.call.commits and event.reply.status != "error" for event in each.history) for each in (run, clean)
    ]
    return made[0] // max(1, made[1])
