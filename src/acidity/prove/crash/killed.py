"""Servers under ``kill -9``: the operation runs on a server of its own, which is killed, restarted and read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from shlex import quote

from acidity.adapters.seam import Interceptor
from acidity.analysis.canonical import equal_raw
from acidity.analysis.diff import Claim, row_changes, sentence
from acidity.core.call import Call, History, calls, commits_acknowledged
from acidity.core.cause import Cause, CauseKind, Place, Rate
from acidity.core.codes import DOUBLED, LOST_COMMIT, TORN_BY_A_KILL, TORN_BY_POWER_LOSS
from acidity.core.finding import Finding
from acidity.core.options import CheckOptions
from acidity.core.outcome import Rows, State
from acidity.core.scenario import Operation, Scenario
from acidity.core.schedule import Schedule
from acidity.engines.hosted import HostedSandbox
from acidity.prove.crash.amid import AMID, kills_amid, not_killed, to_hold
from acidity.prove.crash.forgetful import cause_of, emptied, forgetful
from acidity.prove.crash.judge import Word
from acidity.prove.crash.kills import CLIENT_KILLS, SERVER_KILLS, Witness, cycles, lasting, named, of_the_client
from acidity.prove.crash.own_settings import Noticing, told
from acidity.prove.crash.seen import Tried, Weathered
from acidity.prove.crash.settled import Settled
from acidity.prove.drill.causes import Causes, place_of
from acidity.prove.drill.examine import Examination, Examiner
from acidity.prove.drill.judge import Baseline, Judged
from acidity.prove.drill.striker import Strike
from acidity.prove.runs import Runs
from acidity.prove.stage.inspector import Inspector
from acidity.prove.telling.cause import cause_in_words
from acidity.prove.telling.steady import Steady
from acidity.prove.telling.steps import explained
from acidity.prove.telling.title import misfit_in_words

CYCLES = 6  # of each operation, unless ``runs_max=`` says how many
_GETS_SIGKILL = {
    "program": "its own process gets SIGKILL",
    "server": "every process of the server gets SIGKILL; it starts again on its data, and recovers",
}
_HELD = "another session holds what the call changes, and while it waits for that, "
_CODES = {
    Word.LOST: (LOST_COMMIT, CauseKind.NOT_DURABLE),
    Word.TORN: (TORN_BY_POWER_LOSS, CauseKind.SEVERAL_COMMITS),
    Word.DOUBLED: (DOUBLED, CauseKind.OTHER),
}
_WORDS = {Word.TORN: TORN_BY_A_KILL}  # where the word of the code is of a power cut
_CAUSES = {
    Word.LOST: "COMMIT is answered before the log of the server has it",
    Word.DOUBLED: "no answer came to a COMMIT that was applied, and the operation made the same change again",
}
OWN_SERVER: Mapping[str, Mapping[str, str]] = {
    "postgresql": {"acidity.server": "dedicated", "fsync": "on"},
    "mariadb": {"acidity.server": "on-disk", "innodb_flush_log_at_trx_commit": "1"},
}
"""Nobody else's server is killed; and what the engine does by itself, acidity's private servers do not."""


def kill_and_see(runs: Runs, operation: Operation, position: int, schedule: Schedule | None) -> Weathered:
    """Kill the server at every COMMIT of an operation and elsewhere, and read what has recovered.

    Args:
        runs: of the check.
        operation: whose.
        position: where it stands in the scenario, from 0.
        schedule: the only kill to make.

    Raises:
        Undecided: the operation cannot be judged.
    """
    asked = runs.options
    whole = Runs(runs.stage, replace(asked, runs_max=None))
    (part,) = runs.stage.parts.values()
    assert isinstance(part, HostedSandbox)
    between = Between(runs.stage.scenario, part, runs.within)
    examiner = Examiner(whole, operation, Inspector(runs.stage), between.layer, label=operation.name)
    baseline = between.watched(examiner).baseline
    clean = baseline.clean[0].history
    several = examiner.inside.several() if runs.stage.scenario.commits == "one" else []
    changes = row_changes(baseline.seed, baseline.clean[0].end)
    amid = kills_amid(several, to_hold(part, changes))
    at_once = not {change.table for change in changes}.isdisjoint(part.traits().get("unprotected", {}))
    weathered = Weathered(operation=operation.name, own=between.noticing.found(part.engine_name))
    witness, known = Witness(runs.stage.scenario.ignore), forgetful(part)
    of_the_server, of_the_client = _planned(calls(clean), asked, schedule, witness, amid, at_once=at_once)
    examination = examiner.examine(of_the_server + of_the_client)
    weathered.commits = len(lasting(calls(clean), at_once=at_once))
    weathered.unknowns = list(examination.unknowns)
    if schedule is not None and not of_the_server + of_the_client:
        weathered.unknowns.append(
            f"{operation.name}: {schedule}: no call commits several times amid which this could kill"
        )
    weathered.unknowns += [f"{operation.name}: {why}" for why in not_killed(examination.cells)]
    client = Tried(planned=len(of_the_client), ended=examination.ended)
    weathered.planned, weathered.ended = len(of_the_server), examination.ended
    for tried, names in ((weathered, SERVER_KILLS), (client, CLIENT_KILLS)):
        struck = [item for item in examination.struck if item.run.schedule.choices[0].fault in names]
        words = [(_word(item, witness, between, examination.baseline, known), item) for item in struck]
        tried.tried, tried.words = len(struck), Counter(word.value for word, _ in words)
        for word in _CODES:
            wrong = [item for each, item in words if each is word]
            if wrong:
                rate = Rate(len(wrong), len(struck))
                found = _finding(word, wrong[0], rate, examination, asked, position, witness, known)
                own = weathered.own if found.kind is CauseKind.NOT_DURABLE else ()
                tried.findings.append(replace(found, cause=told(found.cause, own)) if own else found)
    weathered.client = client if of_the_client else None
    return weathered


def _planned(
    made: Sequence[Call],
    asked: CheckOptions,
    schedule: Schedule | None,
    witness: Witness,
    amid: Sequence[Strike],
    *,
    at_once: bool,
) -> tuple[list[Strike], list[Strike]]:
    """Kills of the server, and of the program itself."""
    if schedule is not None:
        choice = schedule.choices[0]
        if choice.fault == AMID:
            return [strike for strike in amid if strike.schedule == schedule], []
        strike = named(choice.fault, choice.calls, asked.seed, witness)
        return ([], [strike]) if choice.fault in CLIENT_KILLS else ([strike], [])
    count = CYCLES if asked.runs_max is None else asked.runs_max
    of_the_server = [*cycles(made, count, asked.seed, witness, at_once=at_once), *amid[: asked.runs_max]]
    return of_the_server, of_the_client(made, asked.seed, at_once=at_once)


def _forgot(item: Judged, witness: Witness, baseline: Baseline, known: Collection[str]) -> tuple[State, State] | None:
    """What was there before the kill and after it, where what was committed is not as it was.

    A kill under way has no witness: such rows are told by the tables that lose theirs whenever a server is killed.
    """
    choice, recovered = item.run.schedule.choices[0], item.run.second
    seen = witness.forgot.get((choice.fault, choice.calls))
    if seen is not None or item.judgement.rows is not Rows.TORN or choice.fault not in SERVER_KILLS:
        return seen
    for there in (baseline.clean[0].second, baseline.seed):
        left = emptied(there, recovered, known)
        if not equal_raw(left, there) and baseline.comparer.same(left, recovered):
            return there, recovered
    return None


class Between:
    """The rows after each COMMIT of the clean run.

    Where several are intended, and nothing carries them on, they may be what is left, if the invariants hold in them.

    Args:
        scenario: says whether several are intended.
        part: where.
        within: makes the innermost Interceptor of each run.
    """

    def __init__(self, scenario: Scenario, part: HostedSandbox, within: Callable[[], Interceptor]) -> None:
        self._part = part
        self._within = within
        self.noticing = Noticing(part.info().settings)
        self._counts = scenario.commits == "several" and not scenario.steps
        self._states: dict[int, State] = {}
        self._watches = False

    def layer(self) -> Settled:
        """For each run."""
        if not self._watches:
            return Settled(self._part, inner=self._within())
        self.noticing = replace(self.noticing, inner=self._within())
        return Settled(self._part, self._states, inner=self.noticing)

    def watched(self, examiner: Examiner) -> Examination:
        """Have the clean runs made, and see what they commit.

        Raises:
            Undecided: the operation cannot be judged.
        """
        self._watches = True
        try:
            return examiner.examine([])
        finally:
            self._watches = False

    def has(self, item: Judged, baseline: Baseline) -> bool:
        """Whether that is what a run has left."""
        states = self._states.values() if self._counts and not item.run.broken else ()
        return any(baseline.comparer.same(item.run.end, each) for each in states)

    def have_changed(self, history: History, baseline: Baseline) -> bool:
        """Whether the COMMITs up to the kill were acknowledged, and the rows are others after the last of them.

        Who has committed after the kill, too, has made other rows than it left: those tell no loss.
        """
        last = next((number for number, event in enumerate(history, start=1) if event.fault), len(history))
        until, since = history[:last], history[last:]
        made = [event.call.index for event in until if event.call.commits]
        if not made or not commits_acknowledged(until) or any(event.call.commits for event in since):
            return False
        after = self._states.get(made[-1])
        if after is None:  # nobody could look, as after LOCK TABLES
            return any(event.call.writes for event in history[: made[-1]])
        return not baseline.comparer.same(after, baseline.seed)


def _word(item: Judged, witness: Witness, between: Between, baseline: Baseline, known: Collection[str]) -> Word:
    """What was committed before the kill has to be there; a change that was not, whole or not at all.

    What came back is told by the rows that `recover` and `settle` have found, which may make the change anew.
    """
    run, rows = item.run, item.judgement.rows
    if _forgot(item, witness, baseline, known) is not None:
        return Word.LOST
    if baseline.comparer.same(run.second, baseline.seed) and between.have_changed(run.history, baseline):
        return Word.LOST
    if rows in {Rows.TORN, Rows.DOUBLED} and between.has(item, baseline):
        return Word.OK  # by chance what is between may be what twice the change comes to
    return {Rows.TORN: Word.TORN, Rows.DOUBLED: Word.DOUBLED}.get(rows, Word.OK)


def _finding(
    word: Word,
    item: Judged,
    rate: Rate,
    examination: Examination,
    asked: CheckOptions,
    position: int,
    witness: Witness,
    known: Mapping[str, str],
) -> Finding:
    run, baseline, steady = item.run, examination.baseline, Steady.of(examination.baseline)
    code, kind = _CODES[word]
    committed = [event.call for event in run.history if event.call.commits]
    struck = [event.call for event in run.history if event.fault]  # a write that is permanent by itself
    place = place_of((committed or struck)[-1]) if committed or struck else None
    outside = word is not Word.LOST and baseline.effects_misfit(item)
    causes = Causes(baseline, examination.judged)
    beyond = causes.outside_transactions(run) if word is Word.TORN else None
    cause = causes.of(item) if outside else beyond or Cause(kind, place)
    there, recovered = _forgot(item, witness, baseline, known) or (baseline.clean[0].second, run.second)
    why = cause_of({change.table for change in row_changes(there, recovered)}, known) if word is Word.LOST else ""
    fault = run.schedule.choices[0].fault
    victim, held = "program" if fault in CLIENT_KILLS else "server", _HELD if fault == AMID else ""
    if word is Word.LOST:
        title, left = _title_of_lost(victim, bool(committed), place, there, recovered, baseline, steady), recovered
    else:
        title, left = _title(victim, word, item, baseline, steady), run.end
    said, read = f"the caller was told {item.judgement.told}", f"rows read over a new connection: {item.judgement.rows}"
    return Finding(
        code=code.name,
        severity="error",
        title=title,
        word=_WORDS.get(word, code.word),
        operation=baseline.operation.name,
        schedule=run.schedule,
        sites=() if cause.place is None else (cause.place.site,),
        diff=steady.changes(row_changes(baseline.seed, left)),
        explanation=(
            f"the operation runs until {run.schedule}: {held}{_GETS_SIGKILL[victim]}",
            *((said, *map(steady.text, explained(baseline, run)), read) if run.steps else (f"{said}; {read}",)),
        ),
        occurrences=rate.runs,
        history=run.history,
        replay=replayed(run.schedule, position, asked),
        kind=CauseKind.OTHER if why else cause.kind,
        cause=why or (cause_in_words(cause, item, None) if outside or beyond else _CAUSES.get(word, "")),
        permanent=cause.place,
        rate=rate,
        mode="real",
    )


def _title_of_lost(
    victim: str,
    by_commit: bool,  # noqa: FBT001 - one of what the title tells
    place: Place | None,
    there: State,
    recovered: State,
    baseline: Baseline,
    steady: Steady,
) -> str:
    """What was there and is gone, whatever `recover` and `settle` have made of it since."""
    what, how = ("COMMIT", "acknowledged") if by_commit else ("the write", "answered")
    title = f"the {victim} is killed after {what}{f' at {place.site}' if place else ''} was {how}, and "
    if baseline.comparer.same(recovered, baseline.seed):
        gone = sentence(steady.changes(row_changes(recovered, there)), (), Claim.NOTHING)
        return f"{title}its change is gone: {gone}"
    changed = sentence(steady.changes(row_changes(there, recovered)), ())
    return f"{title}what was committed is not as it was: {changed}"


def _title(victim: str, word: Word, item: Judged, baseline: Baseline, steady: Steady) -> str:
    """What is there in part or twice: rows, or what took place outside the database."""
    changes = steady.changes(row_changes(baseline.seed, item.run.end))
    wanted = steady.fresh().changes(row_changes(baseline.seed, baseline.clean[0].end))
    said = "the change is made again" if word is Word.DOUBLED else "only a part of the change is there"
    if baseline.effects_misfit(item):
        what = misfit_in_words(baseline, item.run, changes, wanted)
    else:
        what = sentence(changes, wanted, Claim.TWICE if word is Word.DOUBLED else Claim.CLEAN)
    return f"the {victim} is killed, and {said}: {what}"


def replayed(schedule: Schedule, position: int, asked: CheckOptions) -> str:
    """The command that kills in the same way again."""
    parts = ["acidity replay", quote(asked.target or "TARGET"), quote(str(schedule))]
    parts += [f"--operation {position + 1}"] if position else []
    parts.append(f"--db {quote(asked.db)}")
    parts += [f"--setting {quote(f'{name}={value}')}" for name, value in sorted(asked.settings.items())]
    return " ".join(parts)
