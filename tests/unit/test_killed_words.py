"""What a run under a killed server is called where only its History and rows tell: the kill came while COMMIT was sent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.core.outcome import Rows, State, Table
from acidity.core.schedule import Choice, Schedule
from acidity.prove.crash.judge import Word
from acidity.prove.crash.killed import Between, _word
from acidity.prove.crash.kills import Witness


def rows(stock: int) -> State:
    return State({"items": Table(("id", "stock"), ("id",), {}, ((1, stock),))})


BEFORE, AFTER = rows(10), rows(8)


def word(committed: dict[int, State], statuses: list[Any], where: Rows, writes: Writes = Writes.YES) -> Word:
    """Of a run that writes and commits by turns, and was answered so; the clean run leaves these rows after each."""
    between: Any = object.__new__(Between)
    between._states, between._counts = committed, False
    events = []
    for at, status in enumerate(statuses, start=1):
        events.append(Event(Call("A", 2 * at - 1, Kind.STATEMENT, writes=writes), Reply("ok")))
        events.append(Event(Call("A", 2 * at, Kind.COMMIT), Reply(status)))
    run = SimpleNamespace(
        history=tuple(events),
        schedule=Schedule((Choice("A", 2 * len(statuses), "server-killed-under-way"),)),
        broken=(),
        end=BEFORE,
    )
    item: Any = SimpleNamespace(run=run, judgement=SimpleNamespace(rows=where))
    baseline: Any = SimpleNamespace(seed=BEFORE)
    return _word(item, Witness(), between, baseline)


@pytest.mark.parametrize(
    ("committed", "statuses", "where", "expected"),
    [
        ({2: AFTER}, ["ok"], Rows.BEFORE, Word.LOST),
        ({2: AFTER}, ["unknown"], Rows.BEFORE, Word.OK),
        ({2: AFTER}, ["ok"], Rows.AFTER, Word.OK),
        ({2: BEFORE, 4: AFTER}, ["ok"], Rows.BEFORE, Word.OK),  # nothing was changed yet
        ({2: BEFORE, 4: AFTER}, ["ok", "ok"], Rows.BEFORE, Word.LOST),
        ({2: BEFORE, 4: AFTER}, ["ok", "unknown"], Rows.BEFORE, Word.OK),
        ({}, ["ok"], Rows.BEFORE, Word.LOST),  # nobody could look
        ({2: AFTER}, ["ok"], Rows.TORN, Word.TORN),
    ],
)
def test_an_acknowledged_change_that_is_not_there_is_lost(
    committed: dict[int, State], statuses: list[Any], where: Rows, expected: Word
) -> None:
    assert word(committed, statuses, where) is expected


def test_where_nobody_could_look_a_commit_of_nothing_loses_nothing() -> None:
    assert word({}, ["ok"], Rows.BEFORE, Writes.NO) is Word.OK
    assert word({}, ["ok"], Rows.BEFORE, Writes.PERHAPS) is Word.LOST
