"""Parameters are told alike in every run."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.core.call import Call, Kind
from acidity.core.params import text_of
from acidity.prove.explore.lanes import said


class Wrapped:
    """As a driver's own type for bytes, which tells where it lies."""


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
