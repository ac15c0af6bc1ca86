"""Parameters are told alike in every run."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg.types.json
import psycopg2.extras
import pytest

from acidity.core.call import Call, Kind
from acidity.core.params import text_of
from acidity.core.row import as_it_is, row_as_it_is
from acidity.prove.explore.lanes import said


class Wrapped:
    """As a driver's own type for bytes, which tells where it lies."""


class Named(NamedTuple):
    n: list[int]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ((1,), "(1,)"),
        ((), "()"),
        ([1, "a"], "[1, 'a']"),
        ({"a": memoryview(b"x")}, "{'a': b'x'}"),
        ((Wrapped(),), f"(<{__name__}.Wrapped object>,)"),
        ("<memory at 0x7f>", "'<memory>'"),
    ],
)
def test_no_address_is_told(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_what_is_in_a_buffer_stands_in_the_lanes() -> None:
    call = Call("A", 1, Kind.STATEMENT, "UPDATE s SET data = ?", (memoryview(b"new"),))
    assert said(call) == "UPDATE s SET data = b'new'"


def test_the_document_in_a_parameter_is_kept_as_it_was() -> None:
    for wrapper, within in ((psycopg.types.json.Jsonb, "obj"), (psycopg2.extras.Json, "adapted")):
        given = wrapper({"n": [1]})
        kept = as_it_is((given, "a"))
        getattr(given, within)["n"].append(2)
        assert type(kept[0]) is wrapper
        assert getattr(kept[0], within) == {"n": [1]}


def test_what_never_changes_is_not_copied() -> None:
    for value in ((1, "a", None, (b"x", 2.0)), "a", b"x", frozenset({1}), Wrapped()):
        assert as_it_is(value) is value
    row = (1, "a")
    assert row_as_it_is(row) is row


def test_a_row_is_kept_as_it_was() -> None:
    named = Named([1])
    rows: list[Any] = [{"n": 1}, [1], (bytearray(b"x"),), named, {"n": {1}}]
    kept = [row_as_it_is(row) for row in rows]
    rows[0]["n"] = 2
    rows[1].append(2)
    rows[2][0].extend(b"y")
    named.n.append(2)
    rows[4]["n"].add(2)
    assert kept == [{"n": 1}, (1,), (bytearray(b"x"),), ([1],), {"n": {1}}]


def test_a_row_that_can_be_read_once_is_left_to_the_program() -> None:
    row = iter((1, 2))
    assert list(row_as_it_is(row)) == [1, 2]
