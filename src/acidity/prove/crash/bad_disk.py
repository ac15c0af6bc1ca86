"""SQLite on a bad disk: the operation runs while one of its requests fails, and then while all that follow fail, too.

Its rows have to be as before or after, the caller told rightly, nothing acknowledged gone, and the database sound.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from acidity.analysis.diff import row_changes, sentence
from acidity.core.call import commits_acknowledged
from acidity.core.cause import CauseKind, Rate
from acidity.core.codes import DAMAGED, LOST_COMMIT, OF_WORD, Code
from acidity.core.finding import Finding
from acidity.core.options import CheckOptions
from acidity.core.outcome import Ending, Rows, State, Told, Violation
from acidity.core.scenario import Operation
from acidity.core.schedule import Choice, Schedule
from acidity.engines.own_calls import own_calls
from acidity.prove.crash.findings import replay_command
from acidity.prove.crash.log import Log
from acidity.prove.crash.refusals import DISK_FULL, Refuser, named, strikes_of
from acidity.prove.crash.seen import Tried
from acidity.prove.drill.causes import Causes
from acidity.prove.drill.examine import Examination, Examiner
from acidity.prove.drill.judge import Baseline, Judged
from acidity.prove.drill.striker import Strike
from acidity.prove.runs import Runs
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.stage import Stage
from acidity.prove.telling.cause import cause_in_words
from acidity.prove.telling.steady import Steady
from acidity.prove.telling.title import title

REFUSALS_MAX = 250  # of each operation; of more, so many are drawn by the seed
_NOT_ON_THE_DISK = "what would take the change back is not on the disk"


class Damaged(Exception):  # noqa: N818 - it is a finding
    """After a run the database is not sound; the message is what SQLite says."""


class _Sound(Inspector):
    """Asks SQLite, too, whether the database is sound."""

    def __init__(self, stage: Stage, path: Path) -> None:
        super().__init__(stage)
        self._path = path

    def inspect(self, state: State, told: Told, ending: Ending) -> tuple[Violation, ...]:
        """What does not hold.

        Raises:
            Damaged: the database is not sound.
        """
        with own_calls():
            connection = sqlite3.Connection(str(self._path), timeout=0, isolation_level=None)
        with closing(connection):
            found = connection.execute("PRAGMA integrity_check(3)").fetchall()
        if found != [("ok",)]:
            raise Damaged("; ".join(str(line) for (line,) in found))
        return super().inspect(state, told, ending)


class BadDisk:
    """The refusals of one operation.

    Args:
        runs: of the check.
        operation: whose.
        position: where it stands in the scenario, from 0.
        path: of the database.
    """

    def __init__(self, runs: Runs, operation: Operation, position: int, path: Path) -> None:
        self._runs = runs
        self._operation = operation
        self._position = position
        self._path = path

    def try_all(self, log: Log) -> Tried:
        """Refuse everything that a recording asked for, one request after another.

        Raises:
            Undecided: the operation cannot be judged.
            Unrecordable: the requests of this process cannot be heard.
        """
        with Refuser(self._path) as refuser:
            planned = strikes_of(log, refuser)
            found = self._tried(drawn(planned, self._options.seed), refuser)
            found.planned = len(planned)
            return found

    def try_one(self, choice: Choice) -> Tried:
        """Refuse what a Schedule names; see `try_all` for what it raises."""
        with Refuser(self._path) as refuser:
            found = self._tried([named(refuser, choice)], refuser)
        if found.tried == 0 and not found.unknowns:
            found.unknowns.append(f"{self._operation.name}, bad disk: the request did not come again")
        return found

    def _tried(self, strikes: list[Strike], refuser: Refuser) -> Tried:
        runs = self._runs
        name = f"{self._operation.name}, bad disk"
        examiner = Examiner(runs, self._operation, _Sound(runs.stage, self._path), runs.within, label=name)
        found = Tried(planned=len(strikes))
        try:
            examination = examiner.examine(strikes)
        except (Damaged, sqlite3.DatabaseError) as error:
            found.tried, found.words = 1, Counter({DAMAGED.word: 1})
            found.findings = [self._damaged(refuser, str(error))]
            return found
        struck = examination.struck
        found.tried, found.ended = len(struck), examination.ended
        found.unknowns = list(examination.unknowns)
        wrong = [(code, item) for item in struck if (code := self._code(item)) is not None]
        found.words = Counter(code.word for code, _ in wrong)
        groups: dict[tuple[Code, bool], list[Judged]] = {}
        for code, item in wrong:
            groups.setdefault((code, _is_of_the_disk(code, item, examination.baseline)), []).append(item)
        found.findings = [
            self._finding(key, members[0], Rate(len(members), len(struck)), examination)
            for key, members in groups.items()
        ]
        return found

    def _finding(self, key: tuple[Code, bool], item: Judged, rate: Rate, examination: Examination) -> Finding:
        (code, of_the_disk), run, baseline = key, item.run, examination.baseline
        cause = Causes(baseline, examination.judged).of(item)
        place = cause.place
        changes, steady = row_changes(baseline.seed, run.end), Steady.of(baseline)
        expected = row_changes(baseline.seed, baseline.clean[0].end)
        told = sentence(changes, expected) if of_the_disk else title(baseline, cause, item, changes, expected, steady)
        choice = run.schedule.choices[0]
        return Finding(
            code=code.name,
            severity="error",
            title=f"{_said(choice)}, {code.word}: {told}",
            word=code.word,
            operation=self._operation.name,
            schedule=run.schedule,
            sites=() if place is None else (place.site,),
            diff=changes,
            explanation=(
                _step(choice),
                f"the caller was told {item.judgement.told}; rows read over a new connection: {item.judgement.rows}",
            ),
            occurrences=rate.runs,
            history=run.history,
            replay=replay_command(run.schedule, self._position, self._options),
            kind=CauseKind.NOT_DURABLE if of_the_disk else cause.kind,
            cause=_NOT_ON_THE_DISK if of_the_disk else cause_in_words(cause, item, None),
            permanent=place,
            rate=rate,
            mode="simulated",
        )

    def _code(self, item: Judged) -> Code | None:
        """What is wrong with a run; None where nothing is.

        Where several commits are intended and nothing carries them on, those that are there are right if the invariants
        hold: whether they may stay alone is letter A's, which asks the same of every fault.
        """
        judgement, scenario = item.judgement, self._runs.stage.scenario
        history = item.run.history
        told_of_it = any(event.reply.status == "error" for event in history)  # a COMMIT after it had nothing to commit
        if judgement.rows is Rows.BEFORE and commits_acknowledged(history) and not told_of_it:
            return LOST_COMMIT
        unfinished = scenario.commits == "several" and not scenario.steps and judgement.rows is Rows.TORN
        if judgement.severity != "error" or (unfinished and not item.run.broken):
            return None
        return OF_WORD.get(judgement.word)

    def _damaged(self, refuser: Refuser, trouble: str) -> Finding:
        schedule = Schedule((refuser.last,))
        return Finding(
            code=DAMAGED.name,
            severity="error",
            title=f"{_said(refuser.last)}, and the database is damaged: {trouble}",
            word=DAMAGED.word,
            operation=self._operation.name,
            schedule=schedule,
            explanation=(_step(refuser.last), f"then the disk is good again, and SQLite says: {trouble}"),
            replay=replay_command(schedule, self._position, self._options),
            kind=CauseKind.NOT_DURABLE,
            cause=_NOT_ON_THE_DISK,
            mode="simulated",
        )

    @property
    def _options(self) -> CheckOptions:
        return self._runs.options


def drawn(planned: list[Strike], seed: int) -> list[Strike]:
    """As many as are tried of one operation, in their order: all, or some by the seed.

    A request of each transaction of a long program costs a run of the whole program.
    """
    if len(planned) <= REFUSALS_MAX:
        return planned
    kept = random.Random(seed).sample(range(len(planned)), REFUSALS_MAX)  # noqa: S311
    return [planned[place] for place in sorted(kept)]


def _is_of_the_disk(code: Code, item: Judged, baseline: Baseline) -> bool:
    """Whether what is on the disk is at fault, and not the order in which the operation does things.

    Rows that are whole are not; then it is what took place outside the database that does not fit them.
    """
    split = sum(event.call.commits for event in baseline.clean[0].history) > 1
    torn = item.judgement.rows is Rows.TORN and baseline.rows_alone(item.run.end) is Rows.TORN
    return code is LOST_COMMIT or (torn and not split)


def _said(choice: Choice) -> str:
    return "the disk is full" if choice.fault == DISK_FULL else "the disk has an error"


def _step(choice: Choice) -> str:
    number, _, request = choice.state.partition(".")
    after = ", and so does all that comes after it" if choice.persistent else ""
    return f"{_said(choice)}: within call {choice.calls} request {number}, a {request}, fails{after}"
