"""Findings of power cuts: one for each word, shown by the state that lacks least."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from acidity.analysis.diff import Claim, row_changes, sentence
from acidity.core.call import Call, Event
from acidity.core.cause import CauseKind, Cells, Place, Rate, RowFate
from acidity.core.codes import DAMAGED, HALF_RECOVERED, LOST_COMMIT, TORN_BY_POWER_LOSS, Code
from acidity.core.finding import Finding
from acidity.core.options import CheckOptions
from acidity.core.outcome import State
from acidity.core.schedule import FIRST, Choice, Schedule
from acidity.prove.crash.judge import Judged, Prefix, Word, calls_until
from acidity.prove.crash.log import Log
from acidity.prove.crash.own_settings import Own, told
from acidity.prove.crash.timeline import explained, moves, reason
from acidity.report.secret import masked

POWER_LOSS = "power-loss"
_CODES: Mapping[Word, Code] = {
    Word.LOST: LOST_COMMIT,
    Word.DAMAGED: DAMAGED,
    Word.TORN: TORN_BY_POWER_LOSS,
    Word.HALF: HALF_RECOVERED,
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recording that findings are about.

    Attributes:
        operation: the name of the operation.
        position: where it stands in the scenario, from 0.
        history: its Calls.
        log: what it wrote.
        prefixes: the rows that there may be.
        own: what the program has set itself.
    """

    operation: str
    position: int
    history: Sequence[Event]
    log: Log
    prefixes: Sequence[Prefix]
    own: Sequence[Own] = ()


def finding_of(judged: Judged, rate: Rate, recorded: Recorded, asked: CheckOptions) -> Finding:
    """What one wrong state has to say, for all that have its word."""
    code, call = _CODES[judged.word], _call(judged, recorded)
    schedule = schedule_of(judged, recorded.log)
    before, should = recorded.prefixes[0].state, _should(judged, recorded)
    now = judged.recovered.state
    return Finding(
        code=code.name,
        severity="error",
        title=_title(judged, call, before, should),
        word=code.word,
        operation=recorded.operation,
        schedule=schedule,
        sites=(call.site,) if call is not None and call.site is not None else (),
        diff=() if now is None else row_changes(before, now),
        explanation=tuple(explained(judged, recorded.history, recorded.log)),
        occurrences=rate.runs,
        history=tuple(recorded.history),
        replay=replay_command(schedule, recorded.position, asked),
        kind=CauseKind.SEVERAL_COMMITS if judged.word is Word.TORN else CauseKind.NOT_DURABLE,
        cause=told(reason(judged, recorded.log), () if judged.word is Word.TORN else recorded.own),
        permanent=None if call is None or call.decided is None else Place(call.decided, call.path),
        rows=() if now is None else tuple(_fates(before, now, should)),
        rate=rate,
        mode="simulated",
        lanes=moves(judged, recorded.history, recorded.log),
    )


def schedule_of(judged: Judged, log: Log) -> Schedule:
    """The name of a state."""
    calls = calls_until(log.entries, judged.loss.cut.op)
    return Schedule((Choice(FIRST, calls, POWER_LOSS, state=str(judged.loss)),))


def replay_command(schedule: Schedule, position: int, asked: CheckOptions) -> str:
    """The command that makes the state again."""
    parts = ["acidity replay", quote(asked.target or "TARGET"), quote(str(schedule))]
    if position:
        parts.append(f"--operation {position + 1}")
    if asked.db != "sqlite":
        parts.append(f"--db {quote(masked(asked.db))}")
    parts.extend(f"--setting {quote(f'{name}={value}')}" for name, value in sorted(asked.settings.items()))
    return " ".join(parts)


def _call(judged: Judged, recorded: Recorded) -> Call | None:
    """The COMMIT that is gone, or that split the change, or what was under way."""
    if judged.word is Word.TORN:  # what is there was committed by it
        there = [prefix for prefix in recorded.prefixes if prefix.rows == judged.recovered.rows and prefix.owed]
        number = there[0].call if there else 0
    elif judged.word is Word.LOST:
        number = judged.owed.call
    else:
        number = calls_until(recorded.log.entries, judged.loss.cut.op)
    return next((event.call for event in recorded.history if event.call.index == number), None)


def _should(judged: Judged, recorded: Recorded) -> tuple[State, ...]:
    """The rows that would have been right: what was acknowledged, or for a part of a change none or all of it."""
    if judged.word is Word.LOST:
        return (judged.owed.state,)
    if judged.word is Word.TORN:
        return recorded.prefixes[0].state, recorded.prefixes[-1].state
    return (judged.owed.state,)


def _title(judged: Judged, call: Call | None, before: State, should: Sequence[State]) -> str:
    if judged.recovered.state is None:
        return f"the power goes off, and the database is damaged: {judged.recovered.trouble}"
    changes = row_changes(before, judged.recovered.state)
    if judged.word is Word.LOST:
        lost = sentence(row_changes(judged.recovered.state, should[0]), (), Claim.NOTHING)
        where = f" at {call.site}" if call is not None and call.site is not None else ""
        return f"the power goes off after COMMIT{where} was acknowledged, and its change is gone: {lost}"
    told = sentence(changes, row_changes(before, should[-1]))
    return f"the power goes off, and only a part of the change is there: {told}"


def _fates(before: State, now: State, should: Sequence[State]) -> Iterator[RowFate]:
    """The rows that are not as they should be."""
    names: dict[tuple[str, Cells], None] = {}
    for state in should:
        for change in row_changes(now, state):
            names.setdefault((change.table, change.key), None)
    for table, key in names:
        wanted = tuple(_row(state, table, key) for state in should)
        if key:
            yield RowFate(table, key, _row(before, table, key), _row(now, table, key), wanted)


def _row(state: State, name: str, key: Cells) -> Cells | None:
    """The row of this key; None where there is none."""
    table = state.tables.get(name)
    if table is None:
        return None
    rows = (tuple(zip(table.columns, row, strict=True)) for row in table.rows)
    return next((cells for cells in rows if set(key) <= set(cells)), None)
