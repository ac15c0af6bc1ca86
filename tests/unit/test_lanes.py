"""What a line of a lane says came of a Call, and a sentence of a COMMIT that could not be looked at."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Commit, Edge
from acidity.analysis.dependencies import Kind as EdgeKind
from acidity.analysis.reads import Read
from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.core.row import Fetched
from acidity.prove.explore.lanes import result_of
from acidity.prove.explore.lines import Lines
from acidity.prove.explore.words import why


def fetched(*rows: tuple[Any, ...], asked: bool) -> Fetched:
    found = Fetched(rows)
    found.asked = asked
    return found


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (fetched(asked=False), "no row was fetched"),  # whether there is one, nobody has asked
        (fetched(asked=True), "read nothing"),
        ((), "read nothing"),  # of a driver that hands over all rows at once
        (fetched((1, "a"), asked=True), "read (1, 'a')"),
        (None, "ok"),
    ],
)
def test_what_a_query_read(rows: Any, said: str) -> None:
    call = Call("A", 1, Kind.STATEMENT, "SELECT id FROM t WHERE id = 1 FOR UPDATE")
    assert result_of(Event(call, Reply("ok", rows=rows), order=1)) == said


@pytest.mark.parametrize(
    ("rows", "count", "said"),
    [
        (None, 1, "1 row"),
        (fetched((7,), (8,), asked=True), 2, "2 rows"),
        (fetched(asked=True), 0, "0 rows"),
        (fetched((7,), asked=True), None, "read (7)"),  # SQLite counts when all rows were fetched
        (fetched((7,), asked=True), -1, "read (7)"),
        (fetched(asked=True), None, "read nothing"),
        (fetched(asked=False), None, "ok"),
        (None, -1, "ok"),
    ],
)
def test_what_a_write_did(rows: Any, count: int | None, said: str) -> None:
    call = Call("A", 1, Kind.STATEMENT, "INSERT INTO t (v) VALUES (1) RETURNING id", writes=Writes.YES)
    assert result_of(Event(call, Reply("ok", rows=rows, rowcount=count), order=1)) == said


def test_a_commit_that_nobody_could_look_at_by_itself_is_said_to_be_one() -> None:
    asked = Event(Call("A", 1, Kind.STATEMENT, "SELECT v FROM t"), Reply("ok", rows=[(1,)]))
    committed = Event(Call("B", 1, Kind.COMMIT), Reply("ok"))
    edge = Edge(EdgeKind.RW, "A", "B", second=Commit(committed, 1, (), ()), read=Read(asked, 0, (((1,),), ((2,),))))
    (first, _) = why(Seen((edge,)), Lines([asked.call, committed.call]))
    assert first.endswith("and got (1,) before B committed what could not be looked at by itself")
