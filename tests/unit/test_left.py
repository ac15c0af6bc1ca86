"""Which writes may have left what is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acidity.analysis.left import Left
from acidity.core.call import Call, Kind, Writes
from acidity.core.outcome import State, Table


def state(*names: str, stock: int = 1, log: int = 0) -> State:
    tables = {"items": Table(("id", "stock"), ("id",), {}, ((1, stock),)), "log": Table(("n",), (), {}, ((log,),))}
    catalogue = Table(("name",), (), {}, tuple((name,) for name in names), describes="name")
    return State({f"public.{name}": table for name, table in tables.items()} | {"catalogue": catalogue})


def write(sql: str) -> Call:
    return Call("A", 1, Kind.STATEMENT, sql, writes=Writes.YES)


SOLD = Left(state(), state(stock=0, log=1), lambda name: name != "public.log")
MADE = Left(state(), state("orders"))


@pytest.mark.parametrize(
    ("sql", "sold", "made"),
    [
        ("UPDATE items SET stock = 0", True, False),
        ('INSERT INTO "Items" VALUES (1)', True, False),
        ("INSERT INTO items_old VALUES (1)", False, False),
        ("INSERT INTO log VALUES (1)", False, False),
        ("CREATE TABLE IF NOT EXISTS items (id int)", False, True),
        ("TRUNCATE items", True, False),
        ("CREATE INDEX IF NOT EXISTS i ON items (id); CREATE TABLE IF NOT EXISTS log (n int)", False, True),
        ("CREATE TABLE IF NOT EXISTS log (n int); UPDATE items SET stock = 0", True, True),
        ("", True, True),
    ],
)
def test_it_is_read_off_the_tables_and_the_text(sql: str, *, sold: bool, made: bool) -> None:
    assert (SOLD.may_be_of(write(sql)), MADE.may_be_of(write(sql))) == (sold, made)


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("CREATE TABLE IF NOT EXISTS items (id int); DROP TABLE IF EXISTS none", True),
        ("CREATE TABLE IF NOT EXISTS items (id int); UPDATE items SET stock = 0", False),
        ("TRUNCATE items", False),
    ],
)
def test_a_schema_is_kept_where_all_of_a_text_was_to_change_it(sql: str, *, kept: bool) -> None:
    call = replace(write(sql), schema=True)
    assert (SOLD.kept_schema(call), MADE.kept_schema(call)) == (kept, False)
    assert not SOLD.kept_schema(replace(call, writes=Writes.PERHAPS))


def test_what_no_text_tells_counts() -> None:
    for call in (replace(write("CALL sell(1)"), opaque=True), replace(write("SELECT sell(1)"), writes=Writes.PERHAPS)):
        assert SOLD.may_be_of(call)
        assert not SOLD.may_be_of(replace(call, opaque=False, writes=Writes.YES))


def test_a_column_that_came_is_a_change_of_the_schema() -> None:
    items = Table(("id",), ("id",), {}, ((1,),))
    wider = replace(items, columns=("id", "stock"), rows=((1, None),))
    left = Left(State({"items": items}), State({"items": wider}))
    assert left.may_be_of(write("ALTER TABLE items ADD COLUMN stock int"))
