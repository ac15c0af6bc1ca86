"""Which line of a Call is told: of a helper that is handed its SQL, the line that handed it over."""

from __future__ import annotations

from acidity.core.call import Call, Kind, Site
from acidity.prove.explore.lines import Lines

HELPER, READS, WRITES, SAVES = (
    Site("kit.py", 3, "q"),
    Site("ops.py", 6, "sell"),
    Site("ops.py", 7, "sell"),
    Site("ops.py", 9, "sell"),
)


def made(sql: str, *path: Site, kind: Kind = Kind.STATEMENT) -> Call:
    return Call("A", 1, kind, sql, site=path[0] if path else None, path=path)


READ, WRITE = made("SELECT 1", HELPER, READS), made("UPDATE a SET v = 1", HELPER, WRITES)


def test_a_helper_is_not_the_line_that_is_told() -> None:
    lines = Lines([READ, WRITE])
    assert [lines.of(READ), lines.of(WRITE)] == [READS, WRITES]
    place = lines.place(READ)
    assert place is not None
    assert (place.site, place.path) == (READS, (HELPER, READS))
    assert lines.where(WRITE) == " (ops.py:7)"


def test_the_innermost_line_is_told_where_one_statement_comes_from_it() -> None:
    assert Lines([READ, READ]).of(READ) == HELPER


def test_the_innermost_line_is_told_where_none_on_the_way_tells_more() -> None:
    flushed = [made("INSERT INTO a VALUES (1)", HELPER, SAVES), made("UPDATE a SET v = 1", HELPER, SAVES)]
    assert {Lines(flushed).of(call) for call in flushed} == {HELPER}


def test_only_statements_have_such_helpers() -> None:
    commit = made("", HELPER, SAVES, kind=Kind.COMMIT)
    assert Lines([READ, WRITE, commit]).of(commit) == HELPER


def test_a_call_of_no_line_has_none() -> None:
    lines = Lines([READ, WRITE])
    assert lines.of(made("SELECT 1")) is None
    assert lines.place(made("SELECT 1")) is None
    assert not lines.where(made("SELECT 1"))
