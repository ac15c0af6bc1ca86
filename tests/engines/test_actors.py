"""Two and three actors at one seam, through every adapter and engine: whose a Call is, in what order, and what it read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from acidity.adapters.seam import Layer, PendingCall
from acidity.core.call import Kind
from tests.engines import programs
from tests.engines.actors import Ground, Script, Told, gated
from tests.engines.programs import WAYS, Way

BEFORE = {1: 100, 2: 0, 3: 3}


def script_of(names: str, way: Way) -> Script:
    """All read in turn; SQLite lets one write at a time, so there each writes and commits before the next."""
    reads = names * (2 if way.begins else 1)
    writes = "".join(name * 2 for name in names) if way.db == "sqlite" else names + names[::-1]
    return Script(reads + writes)


def played(way: Way, bank: Ground, names: str, **layers: Layer) -> tuple[Told, str]:
    """Run the program for each of these actors, the first on row 1 and so on; what came of it, and the script."""
    script = script_of(names, way)
    text = "".join(script.left)
    actors = gated(names, script, **layers)
    for actor in actors.values():
        actor.records = True
    made: dict[str, Any] = {name: (lambda row=row: way.program(bank.sandbox, row)) for row, name in enumerate(names, 1)}
    told = (bank.in_tasks if way.awaits else bank.in_threads)(made, actors, script)
    assert not told.failures(), told.answers
    return told, text


def balances(bank: Ground) -> dict[int, int]:
    table = bank.sandbox.look().state.tables["accounts"]
    return {row[table.columns.index("id")]: row[table.columns.index("balance")] for row in table.rows}


@pytest.fixture
def bank(way: Way, grounds: dict[str, Ground]) -> Iterator[Ground]:
    yield grounds[way.db]
    grounds[way.db].put_back()


@pytest.mark.parametrize("names", ["AB", "ABC"])
@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.one_in(2)
def test_every_call_arrives_with_its_actor(way: Way, bank: Ground, names: str) -> None:
    told, script = played(way, bank, names)
    events = told.in_order()
    assert "".join(event.call.actor for event in events) == script
    assert [event.order for event in events] == sorted({event.order for event in events})
    for earlier, later in pairwise(events):
        assert earlier.reply.began <= earlier.reply.ended <= later.reply.began
    for name, actor in told.actors.items():
        calls = [event.call for event in actor.events]
        kinds = [Kind.BEGIN] * way.begins + [Kind.STATEMENT, Kind.STATEMENT, Kind.COMMIT]
        assert [call.kind for call in calls] == kinds
        assert [call.index for call in calls] == list(range(1, len(kinds) + 1))
        assert {(call.actor, call.connection) for call in calls} == {(name, 1)}
        for call in calls:
            assert call.site is not None
            assert Path(call.site.file).name == Path(programs.__file__).name
    assert not told.bypasses
    assert not told.refused
    assert balances(bank) == BEFORE | dict.fromkeys(range(1, len(names) + 1), 7)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.one_in(2)
def test_rows_and_row_counts_are_kept_and_the_program_gets_them_all_the_same(way: Way, bank: Ground) -> None:
    told, _ = played(way, bank, "AB")
    for row, (name, actor) in enumerate(told.actors.items(), 1):
        read, written = [event.reply for event in actor.events if event.call.kind is Kind.STATEMENT]
        assert read.rows is not None
        assert [tuple(each) for each in read.rows] == told.answers[name] == [(BEFORE[row],)]
        assert not written.rows
        assert written.rowcount == 1


class SetsEight(Layer):
    """Writes 8 where the program writes 7."""

    def intercept(self, pending: PendingCall) -> None:
        pending.sql = pending.sql.replace("balance = 7", "balance = 8")
        super().intercept(pending)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.one_in(2)
def test_a_text_that_was_changed_reaches_the_database(way: Way, bank: Ground) -> None:
    told, _ = played(way, bank, "AB", B=SetsEight())
    assert balances(bank) == BEFORE | {1: 7, 2: 8}
    asked = [event.call.sql for event in told.actors["B"].events if event.call.sql.startswith("UPDATE")]
    assert asked == [programs.WRITE.format(2)]  # the History says what the program asked for
