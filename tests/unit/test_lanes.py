"""What a line of a lane says came of a Call."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.core.row import Fetched
from acidity.prove.explore.lanes import result_of


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
