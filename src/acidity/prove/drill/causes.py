"""What made a run go wrong: the kind of cause, and the line where the change became permanent.

Pure. It is read from the History of the run beside that of the clean run, never from what the fault or the word is
called: a function that commits too early has one cause, whatever stops it afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from acidity.analysis.canonical import equal_raw
from acidity.analysis.left import Left, naming
from acidity.core.call import Call, History, Kind, Site, commit_left_open
from acidity.core.cause import Cause, CauseKind, Place
from acidity.core.lexis import NEUTRAL
from acidity.core.outcome import Rows, State
from acidity.engines.session import LeftKind
from acidity.prove.drill.judge import Baseline, Judged, hidden_error
from acidity.prove.stage.run import Break, Run

_FOLLOW_UPS = frozenset(("not recovered", "not settled", "not idempotent"))


class Causes:
    """Finds the causes of the runs of one operation.

    Args:
        baseline: what the runs are compared with.
        judged: all runs; what does not hold in a clean one is no fault's work in the others.
    """

    def __init__(self, baseline: Baseline, judged: Sequence[Judged]) -> None:
        self._baseline = baseline
        self._clean = baseline.clean[0].history
        self._known = {(event.call.index, event.call.site): event.call for event in self._clean}
        self._sent = Counter(name for event in self._clean for name in _names(event.call))
        self._permanent = [self._clean[number] for number in self._made(self._clean, baseline.clean[0].end)]
        clean = (item.run for item in judged if not item.run.schedule.choices)
        hiding = (rolled_back_at(item.run) for item in judged if item.judgement.word == "false success")
        self._hiding = {place.site: place for place in hiding if place is not None}
        gone = (item.run.history for item in judged if item.run.schedule.choices and item.judgement.rows is Rows.BEFORE)
        self._taken_back = frozenset(number for history in gone for number in _written_before_the_fault(history))
        self._broken = frozenset(broken.violation.called for run in clean for broken in run.breaks)

    def of(self, item: Judged) -> Cause:
        """Why this run is as it is; of one that is right, what the rules that it breaks come from."""
        run, word = item.run, item.judgement.word
        history = self._filled(run)
        kept = LeftKind.told_in(run.leaks)
        if word in _FOLLOW_UPS:
            step = run.failed_step or self._baseline.changed_again(run)
            return Cause(CauseKind.FOLLOW_UP, None, str(step))
        if word == "not refused":
            return Cause(CauseKind.MISSING_REFUSAL, self._where_it_commits(history, run.end))
        if run.in_doubt:
            return Cause(CauseKind.IN_DOUBT, self._last(history, Kind.PREPARE))
        if word == "leaked" and kept is not None and (taken := self._last_that_takes(kept, history)) is not None:
            return Cause(CauseKind.LEFT_BEHIND, taken, kept.value)
        refused = commit_left_open(history)
        if refused is not None and (run.leaks or word == "leaked"):
            return Cause(CauseKind.COMMIT_LEFT_OPEN, place_of(refused.call))
        if word == "leaked":
            return Cause(CauseKind.LEFT_BEHIND, self._left_behind(history))
        hidden = refused_commit(history)
        if word == "false success" and not run.schedule.choices and hidden is not None:
            return Cause(CauseKind.SWALLOWED_ERROR, place_of(hidden))
        if word == "false success" and not run.schedule.choices and self._baseline.lost is not None:
            return Cause(CauseKind.MISSING_COMMIT, place_of(self._baseline.lost.writes[-1].call))
        if self._baseline.effects_misfit(item):
            return self._of_effect(run, history)
        struck = next((number for number, event in enumerate(history) if event.fault), None)
        return self._of_clean(item, history) if struck is None else self._of_struck(item, history, struck)

    def of_break(self, item: Judged, broken: Break) -> Cause:
        """Why a rule does not hold in some state of this run."""
        if broken.between is not None:
            between = broken.between
            if between.step:
                return Cause(CauseKind.FOLLOW_UP, None, between.step)
            return Cause(CauseKind.SEVERAL_COMMITS, self._parted(self._like_clean(between.call)))
        if broken.violation.called in self._broken and item.run.schedule.choices:
            return Cause(CauseKind.CLEAN_RUN, self._where_the_clean_run_commits())
        return self.of(item)

    def _made(self, history: History, end: State) -> list[int]:
        """The places of the Events that made permanent what is there; where no text tells, of all that may have."""
        return permanent(history, self._left(end).may_be_of) or permanent(history)

    def _left(self, end: State) -> Left:
        return Left(self._baseline.seed, end, self._baseline.counted)

    # Without a fault

    def _of_clean(self, item: Judged, history: History) -> Cause:
        word = item.judgement.word
        hidden = hidden_error(history, self._baseline.failing)
        if word == "false success" and hidden is not None:
            return Cause(CauseKind.SWALLOWED_ERROR, place_of(hidden.call))
        if word == "false success":
            return Cause(CauseKind.MISSING_COMMIT, self._last_write(history))
        if word in {"false failure", "failed after commit"}:
            return Cause(CauseKind.LATE_FAILURE, self._where_it_commits(history, item.run.end))
        return Cause(CauseKind.CLEAN_RUN, self._where_it_commits(history, item.run.end))

    # Under a fault

    def _of_struck(self, item: Judged, history: History, struck: int) -> Cause:
        rows = item.judgement.rows
        if rows is Rows.BEFORE:
            return self._of_nothing(item.run, history, struck)
        until, left = history[: struck + 1], self._left(item.run.end)
        later = [history[number] for number in permanent(history) if number > struck]
        made = permanent(until, left.may_be_of) or ([] if later else permanent(until))
        earlier = [history[number] for number in made]
        again = self._again(history, struck) if later else None
        if again is not None:
            return Cause(CauseKind.RESEND, again)
        if rows is Rows.AFTER:
            if later and not earlier:
                return Cause(CauseKind.SWALLOWED_ERROR, self._parted(later[0].call))
            if earlier:
                return Cause(CauseKind.LATE_FAILURE, place_of(earlier[0].call))
        if earlier:
            outside = self.outside_transactions(item.run)
            if outside is not None:
                return outside
            first = earlier[0].call
            amid = _is_amid(first, history)
            return Cause(_kind_of(first, amid=amid), self._parted(first), _unasked_commit(first, amid=amid))
        if later:
            return Cause(CauseKind.SWALLOWED_ERROR, self._parted(later[0].call))
        return self._of_no_commit(history) or Cause(CauseKind.OTHER, self._where_the_clean_run_commits())

    def outside_transactions(self, run: Run) -> Cause | None:
        """What is permanent whatever becomes of the only COMMIT of a clean run, which was struck or not reached.

        That COMMIT is not too early. None where nothing is known that is outside its transaction.
        """
        history = self._filled(run)
        made = [history[number] for number in permanent(history)]
        is_struck = len(made) == len(self._permanent) == 1 and made[0].fault and made[0].call.kind is Kind.COMMIT
        known = self._baseline.unprotected or any(event.call.opaque for event in history)
        return self._of_no_commit(history) if known and (is_struck or not made) else None

    def _of_no_commit(self, history: History) -> Cause | None:
        """Rows of a procedure, which may commit on its way, or of a table that keeps no transactions."""
        opaque = next((event for event in history if event.call.opaque), None)
        if opaque is not None:
            return Cause(CauseKind.SEVERAL_COMMITS, place_of(opaque.call), "CALL")
        written = [event.call for event in history if event.call.writes]
        stayed = [call for call in written if call.index not in self._taken_back] or written
        names = naming(self._baseline.unprotected)
        named = next((call for call in stayed if names is not None and names.search(call.sql)), None)
        is_known = named is not None or self._taken_back or len(stayed) == 1  # else a trigger of any of them may write
        place = place_of(named or stayed[0]) if is_known else None
        return Cause(CauseKind.NO_TRANSACTIONS, place) if stayed else None

    def _of_nothing(self, run: Run, history: History, struck: int) -> Cause:
        """Nothing is there: it was never committed, was to be committed after the answer, or the error was hidden."""
        event = history[struck]
        if run.ending.status and run.ending.answer["raised"]:
            late = event.call if event.call.commits else None
            return Cause(CauseKind.EARLY_ANSWER, place_of(late) if late else self._where_the_clean_run_commits())
        if not self._permanent:
            return Cause(CauseKind.MISSING_COMMIT, self._last_write(self._clean))
        return Cause(CauseKind.SWALLOWED_ERROR, self._hidden_at(run) or self._parted(self._permanent[0].call))

    def _hidden_at(self, run: Run) -> Place | None:
        """Where the program took back what was struck; a run that ends at once came by there, too.

        A connection that is lost needs no ROLLBACK, nor does a Session that has made its own.
        """
        alone = next(iter(self._hiding.values())) if len(self._hiding) == 1 else None
        struck = next(number for number, event in enumerate(run.history) if event.fault)
        ends = all(event.call.kind is Kind.ROLLBACK for event in run.history[struck + 1 :])
        return rolled_back_at(run) or (alone if ends else None)

    def _of_effect(self, run: Run, history: History) -> Cause:
        """It took place once more, it is missing, or it came before COMMIT: each needs a change of its own."""
        clean = self._baseline.clean[0].effects
        if any(count > clean.get(name, 0) for name, count in run.effects.items()):
            left = Counter(event.call.sql for event in self._clean if event.call.kind is Kind.EFFECT)
            for call in (event.call for event in history if event.call.kind is Kind.EFFECT):
                left[call.sql] -= 1
                if left[call.sql] < 0:
                    return Cause(CauseKind.RESEND, place_of(call), call.sql)
        alike = self._baseline.leaves_rows and permanent(history)  # recover has made the rows those of the clean run
        if alike or self._baseline.rows_alone(run.end) is Rows.AFTER:
            return Cause(CauseKind.LOST_EFFECT, self._effect(history))
        unheard = [each for each in history if each.call.kind is Kind.EFFECT and each.reply.status == "error"]
        if unheard and not run.ending.killed and not run.ending.exception:  # the program has made an answer of that
            return Cause(CauseKind.UNHEARD_EFFECT, place_of(unheard[0].call))
        return Cause(CauseKind.EFFECT, self._effect(history))

    def _again(self, history: History, struck: int) -> Place | None:
        """Where what the clean run sends once was sent again after the fault."""
        sent = Counter(name for event in history[: struck + 1] for name in _names(event.call))
        for event in history[struck + 1 :]:
            call = event.call
            sent.update(_names(call))
            if any(sent[name] > self._sent[name] > 0 for name in _names(call)):
                first = next(each.call for each in history if each.call.sql == call.sql)
                place = place_of(call)
                return None if place is None else parted(place, first.path, both=True)
        return None

    # Places

    def _filled(self, run: Run) -> History:
        """Its History; of a process that was killed, a Call is known only as far as it was told in time."""
        if not run.ending.killed:
            return run.history
        return tuple(replace(event, call=self._like_clean(event.call)) for event in run.history)

    def _like_clean(self, call: Call) -> Call:
        return call if call.path else self._known.get((call.index, call.site), call)

    def _parted(self, call: Call) -> Place | None:
        """Where it became permanent: in a line that does not also lead to what comes next in a clean run."""
        place = place_of(call)
        if place is None:
            return None
        after = _after(self._clean, call)
        following = next((event.call for event in after if event.call.writes and event.call.path != call.path), None)
        return place if following is None else parted(place, following.path)

    def _where_it_commits(self, history: History, end: State) -> Place | None:
        made = self._made(history, end)
        return self._parted(history[made[0]].call) if made else self._last_write(history)

    def _where_the_clean_run_commits(self) -> Place | None:
        return self._where_it_commits(self._clean, self._baseline.clean[0].end)

    def _last_write(self, history: History) -> Place | None:
        written = [event.call for event in history if event.call.writes] or [event.call for event in history]
        return place_of(written[-1]) if written else None

    def _last(self, history: History, kind: Kind) -> Place | None:
        found = [event.call for event in history if event.call.kind is kind]
        return place_of(found[-1]) if found else self._last_write(history)

    def _left_behind(self, history: History) -> Place | None:
        """The last Call of a transaction that nobody ended."""
        began: dict[int, Call] = {}
        for event in history:
            call = event.call
            if call.kind in {Kind.COMMIT, Kind.ROLLBACK} or call.autocommit:
                began.pop(call.connection, None)
            elif call.kind not in {Kind.EFFECT, Kind.PING}:
                began[call.connection] = call
        return place_of(list(began.values())[-1]) if began else self._last_write(history)

    def _last_that_takes(self, kept: LeftKind, history: History) -> Place | None:
        """Where the program asked for what outlives its transactions; None where no text says so."""
        calls = [event.call for event in history if kept.takes(event.call.sql)]
        return place_of(calls[-1]) if calls else None

    def _effect(self, history: History) -> Place | None:
        effects = [event for event in history if event.call.kind is Kind.EFFECT]
        chosen = next((event for event in effects if event.fault), None) or next(reversed(effects), None)
        return place_of(chosen.call) if chosen is not None else self._last(self._clean, Kind.EFFECT)


def permanent(history: History, counts: Callable[[Call], bool] = lambda _: True) -> list[int]:
    """The places of the Events that made a write permanent, or may have.

    Args:
        history: of one run, of whoever took part in it.
        counts: whether a write is one that is asked about.
    """
    pending: set[tuple[str, int]] = set()
    found = []
    for number, event in enumerate(history):
        call = event.call
        whose = (call.actor, call.connection)
        if call.writes and counts(call) and (event.reply.status != "error" or (event.fault and not call.autocommit)):
            pending.add(whose)  # what was struck may have been applied before
        if call.kind is Kind.ROLLBACK:
            pending.discard(whose)
        if call.commits and event.reply.status != "error" and whose in pending:
            pending.discard(whose)
            found.append(number)
    return found


def refused_commit(history: History) -> Call | None:
    """The COMMIT that the database refused in a run in which nothing was committed; None where there is none."""
    refused = next((it.call for it in history if it.call.commits and it.reply.status == "error"), None)
    return None if permanent(history) else refused


def rolled_back_at(run: Run) -> Place | None:
    """Where the program rolled back what an error had struck; None where it did not.

    A flush or COMMIT of the Session that fails rolls back in its own line, whatever the program does then.
    """
    struck = next((number for number, event in enumerate(run.history) if event.fault), None)
    if struck is None:
        return None
    there = run.history[struck].call.path
    after = (event.call for event in run.history[struck + 1 :] if event.call.index not in run.unasked)
    first = next((call for call in after if call.kind is Kind.ROLLBACK and call.path != there), None)
    return None if first is None else place_of(first)


def is_only_owed(item: Judged) -> bool:
    """Nothing is wrong but that somebody else had to roll back a COMMIT that was refused and left open."""
    return item.run.owed and item.judgement.word == "leaked" and not item.run.leaks


def committed_by_stranger(run: Run) -> bool:
    """SQLAlchemy's own trap: a failed COMMIT went back to the pool unrolled, and the next user committed it."""
    return bool(run.leaks) and not equal_raw(run.first, run.second) and commit_left_open(run.history) is not None


def place_of(call: Call) -> Place | None:
    """The line that decided on a Call, with the way to it."""
    site = call.decided or call.site
    return None if site is None else Place(site, call.path or (site,))


def parted(place: Place, other: Sequence[Site], *, both: bool = False) -> Place:
    """The line that decided, no further out than where the way to something else parts from the way to it.

    A line that leads to both says nothing about the one.

    Args:
        place: the line that decided, so far.
        other: the way to the other, the innermost line first.
        both: take the line where they part, even if the one so far is further in.
    """
    shared = sum(1 for _ in _alike(place.path, other))
    if shared == len(place.path) or place.site not in place.path:
        return place
    parting = len(place.path) - 1 - shared
    return Place(place.path[parting], place.path) if both or place.path.index(place.site) > parting else place


def _alike(one: Sequence[Site], other: Sequence[Site]) -> Iterator[Site]:
    """The lines that two ways share, the outermost first."""
    for ours, theirs in zip(reversed(one), reversed(other), strict=False):
        if ours != theirs:
            return
        yield ours


def _after(history: History, call: Call) -> History:
    """What follows the Call of a clean run that was made in the same way; nothing where there is none."""
    for number, event in enumerate(history):
        if event.call.kind is call.kind and event.call.path == call.path:
            return history[number + 1 :]
    return ()


def _names(call: Call) -> tuple[str, ...]:
    """By what a write is known again: its text, and its text with what it wrote."""
    return (call.sql, f"{call.sql}\n{call.params!r}") if call.writes else ()


def _written_before_the_fault(history: History) -> Iterator[int]:
    """The numbers of the writes that were answered with success before anything was struck."""
    for event in takewhile(lambda each: not each.fault, history):
        if event.call.writes and event.reply.status == "ok":
            yield event.call.index


def _is_amid(call: Call, history: History) -> bool:
    """Whether a statement that is permanent at once also commits what was open: no transaction holds it."""
    before = takewhile(lambda event: event.call.index < call.index, history)
    open_now = False
    for each in (event.call for event in before if event.call.connection == call.connection):
        open_now = not (each.commits or each.kind is Kind.ROLLBACK) and (open_now or bool(each.writes))
    return call.autocommit and not call.schema and (open_now or not call.writes)


def _unasked_commit(call: Call, *, amid: bool) -> str:
    """What commits without being called a COMMIT; nothing where it is one, or a write by itself."""
    if call.kind is Kind.BEGIN:
        return Kind.BEGIN.name
    words = NEUTRAL.bare(call.sql).upper().split()[:2]
    if amid or (call.kind is Kind.COMMIT and words[:1] == ["SET"]):
        return " ".join(words)
    return Kind.RELEASE.name if call.sql.lstrip().lower().startswith("release") else ""


def _kind_of(call: Call, *, amid: bool) -> CauseKind:
    if call.schema and call.autocommit:
        return CauseKind.DDL
    if call.kind is Kind.BEGIN or amid:
        return CauseKind.SEVERAL_COMMITS
    return CauseKind.AUTOCOMMIT if call.autocommit else CauseKind.SEVERAL_COMMITS
