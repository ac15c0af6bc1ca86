"""The rows without what `ignore=` leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.analysis.canonical import equal_raw
from acidity.analysis.leftout import without
from acidity.core.outcome import State, Table


def state(log: list[Any], text: Any = "seen", note: Any = '{"id": 1, "parts": [{"n": 1, "m": 2}]}') -> State:
    orders = Table(("id", "text", "note"), ("id",), {"text": ("log", "id")}, ((1, text, note),))
    return State({"orders": orders, "log": Table(("id",), ("id",), {}, tuple((each,) for each in log))})


@pytest.mark.parametrize(
    ("ignore", "other"),
    [
        (["log.*"], state([1, 2])),
        (["orders.text"], state([1], "not seen")),
        (["orders.note.$.id"], state([1], note='{"parts": [{"n": 1, "m": 2}], "id": 2}')),
        (["orders.note.$.parts[*].m"], state([1], note={"id": 1, "parts": [{"n": 1, "m": 3}]})),
        (["orders.note.$.parts"], state([1], note='{"id": 1}')),
        (["orders.note", "orders.text", "log.*"], state([], None, "none")),
    ],
)
def test_what_is_left_out_makes_no_difference_and_all_else_does(ignore: list[str], other: State) -> None:
    one = state([1])
    assert equal_raw(without(one, ignore), without(other, ignore))
    assert not equal_raw(one, other)
    assert not equal_raw(without(one, ["orders.id"]), without(other, ["orders.id"]))


def test_a_document_in_bytes_is_looked_into_and_stays_bytes() -> None:
    one, other, text = (without(state([1], note=note), ["orders.note.$.id"]) for note in (b'{"id": 1}', b"{}", "{}"))
    assert equal_raw(one, other)
    assert not equal_raw(one, text)


def test_rows_stay_sorted_and_a_key_in_part_is_none() -> None:
    pairs = Table(("a", "b"), ("a", "b"), {"a": ("other", "a"), "b": ("other", "b")}, ((1, 9), (2, 3)))
    kept = without(State({"pairs": pairs}), ["pairs.a", "unknown.a"]).tables["pairs"]
    assert (kept.columns, kept.key, kept.rows) == (("b",), (), ((3,), (9,)))
    assert kept.references == {"b": ("other", "b")}


def test_without_a_name_nothing_is_copied() -> None:
    one = state([1])
    assert without(one, ()) is one
