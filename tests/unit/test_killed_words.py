"""What a run under a killed server is called where only its History and rows tell: the kill came while COMMIT was sent."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from acidity.analysis.compare import Comparer
from acidity.analysis.masks import Masks
from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.core.outcome import Rows, State, Table
from acidity.core.schedule import Choice, Schedule
from acidity.prove.crash.judge import Word
from acidity.prove.crash.killed import Between, _word
from acidity.prove.crash.kills import Witness


def rows(stock: int) -> State:
    return State({"items": Table(("id", "stock"), ("id",), {}, ((1, stock),))})


BEFORE, AFTER = rows(10), rows(8)


def word(
    committed: dict[int, State],
    statuses: list[Any],
    where: Rows,
    writes: Writes = Writes.YES,
    found: State | None = None,
    struck: int = 0,
    *,
    forgetful: bool = False,
) -> Word:
    """Of a run that writes and commits by turns, and was answered so; the clean run leaves these rows after each.

    Args:
        committed: those rows, by the number of the COMMIT.
        statuses: the answers to the COMMITs.
        where: where the rows stand in the end.
        writes: what each statement does.
        found: the rows that `recover` has found; those in the end unless it is said.
        struck: at which COMMIT the server was killed, from 1; at the last one unless it is said.
        forgetful: the table keeps no row over a crash.
    """
    between: Any = object.__new__(Between)
    between._states, between._counts = committed, False
    events = []
    for at, status in enumerate(statuses, start=1):
        events.append(Event(Call("A", 2 * at - 1, Kind.STATEMENT, writes=writes), Reply("ok")))
        fault = "server-killed-under-way" if at == (struck or len(statuses)) else ""
        events.append(Event(Call("A", 2 * at, Kind.COMMIT), Reply(status), fault=fault))
    run = SimpleNamespace(
        history=tuple(events),
        schedule=Schedule((Choice("A", 2 * len(statuses), "server-killed-under-way"),)),
        broken=(),
        second=found or (AFTER if where is Rows.AFTER else BEFORE),
        end=BEFORE,
    )
    item: Any = SimpleNamespace(run=run, judgement=SimpleNamespace(rows=where))
    clean = [SimpleNamespace(second=AFTER)]
    baseline: Any = SimpleNamespace(seed=BEFORE, clean=clean, comparer=Comparer(BEFORE, Masks()))
    return _word(item, Witness(), between, baseline, ["items"] if forgetful else [])


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
        ({2: AFTER}, ["unknown"], Rows.TORN, Word.TORN),
        ({2: AFTER}, ["ok"], Rows.TORN, Word.LOST),  # an effect has taken place, which cannot be lost
    ],
)
def test_an_acknowledged_change_that_is_not_there_is_lost(
    committed: dict[int, State], statuses: list[Any], where: Rows, expected: Word
) -> None:
    assert word(committed, statuses, where) is expected


@pytest.mark.parametrize("status", ["ok", "unknown"])
def test_what_a_forgetful_table_has_lost_is_no_part_of_a_change(status: str) -> None:
    """Its rows were committed before, if not by the COMMIT that was under way; others are torn all the same."""
    empty = State({"items": replace(BEFORE.tables["items"], rows=())})
    assert word({2: AFTER}, [status], Rows.TORN, found=empty, forgetful=True) is Word.LOST
    assert word({2: AFTER}, [status], Rows.TORN, found=empty) is Word.TORN
    assert word({2: AFTER}, [status], Rows.TORN, found=rows(9), forgetful=True) is Word.TORN


@pytest.mark.parametrize(("found", "expected"), [(AFTER, Word.OK), (BEFORE, Word.LOST)])
@pytest.mark.parametrize("where", [Rows.BEFORE, Rows.AFTER])
def test_what_recover_makes_anew_was_lost_only_if_it_was_not_found(where: Rows, found: State, expected: Word) -> None:
    """Rows before and after are the same where `recover` does what the operation does."""
    assert word({2: AFTER}, ["ok"], where, found=found) is expected


def test_who_commits_after_the_kill_may_have_taken_it_back() -> None:
    assert word({2: AFTER, 4: AFTER}, ["ok", "ok"], Rows.BEFORE, struck=1) is Word.OK


def test_where_nobody_could_look_a_commit_of_nothing_loses_nothing() -> None:
    assert word({}, ["ok"], Rows.BEFORE, Writes.NO) is Word.OK
    assert word({}, ["ok"], Rows.BEFORE, Writes.PERHAPS) is Word.LOST
