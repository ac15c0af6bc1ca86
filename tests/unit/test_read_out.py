"""Answers that have still to be read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from acidity.prove.stage.read_out import ITEMS_MAX, read_out


def numbers() -> Iterator[int]:
    yield from (1, 2)


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        (numbers(), [1, 2]),
        (map(str, (1, 2)), ["1", "2"]),
        (zip("ab", (1, 2), strict=True), [("a", 1), ("b", 2)]),
        (chain((1,), (2,)), [1, 2]),
        ({"rows": numbers(), "of": [iter("ab")]}, {"rows": [1, 2], "of": [["a", "b"]]}),
        ((n for n in (numbers(),)), [[1, 2]]),
    ],
)
def test_what_gives_its_parts_one_by_one_is_read(answer: Any, read: Any) -> None:
    assert read_out(answer) == read


def test_what_is_there_is_left_as_it_is() -> None:
    """Also what is in itself."""
    own: list[Any] = [{"number": 7}, (1, "two"), {3}, b"4", None]
    own.append(own)
    assert read_out(own) is own


def test_one_without_end_is_read_so_far() -> None:
    assert len(read_out(count())) == ITEMS_MAX


def test_what_fails_on_the_way_fails() -> None:
    with pytest.raises(ZeroDivisionError):
        read_out(1 // number for number in (1, 0))


def test_rows_are_read_where_there_are_any() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        assert read_out(connection.execute(text("SELECT 1, 2"))) == [(1, 2)]
        assert read_out(connection.execute(text("SELECT 1")).scalars()) == [1]
        assert read_out(connection.execute(text("SELECT 1 AS one")).mappings()) == [{"one": 1}]
        none = connection.execute(text("CREATE TABLE t (x)"))
        assert read_out(none) is none
    engine.dispose()
