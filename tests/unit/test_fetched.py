"""Rows are what they are, however a program fetches them and whatever types its driver gives."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from acidity.analysis.fetched import are_alike, cells_of, may_come_of

KEY = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


@dataclass
class Account:
    id: int
    balance: int


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ((1, 2), (1, 2)),
        ({"id": 1, "balance": 2}, (1, 2)),
        (Account(1, 2), (1, 2)),
        (7, (7,)),
        (None, (None,)),
        ("ab", ("ab",)),
        (b"ab", (b"ab",)),
    ],
    ids=repr,
)
def test_cells_of_a_row(row: Any, cells: tuple[Any, ...]) -> None:
    assert cells_of(row) == cells


@pytest.mark.parametrize(
    ("answer", "rows"),
    [
        (((1, 2), (3, 4)), ((1, 2),)),
        (((1, 2),), ((2,),)),
        (((1, 2), (3, 4)), ((3, 4), (1, 2))),
        ((), ((None,),)),
        ((), ()),
        ((({"a": [1]},),), (('{"a":[1]}',),)),
        (((KEY,),), ((str(KEY),),)),
        (((Decimal("1.5"),),), ((1.5,),)),
        (((b"ab",),), (("ab",),)),
    ],
    ids=repr,
)
def test_what_may_come_of_an_answer(answer: Any, rows: Any) -> None:
    assert may_come_of(answer, rows)
    assert are_alike([None], rows)


@pytest.mark.parametrize(
    ("answer", "rows"),
    [
        (((1, 2),), ()),
        ((), ((1,),)),
        (((1, 2),), ((3,),)),
        (((1, 2),), ((2, 1),)),
        (((1, 2),), ((1, 2), (1, 2))),
        (((1,), (2,)), ((1,), (1,))),
        (((None,),), ((0,),)),
        (((1,),), ((True,),)),
        ((("{x",),), (({"x": 1},),)),
    ],
    ids=repr,
)
def test_what_may_not(answer: Any, rows: Any) -> None:
    assert not may_come_of(answer, rows)


def test_a_difference_of_form_is_none_of_values() -> None:
    assert are_alike([((1, "a"),), None], ((2, "b"),))
    assert are_alike([((1, None),)], ((2, "b"),))
    assert not are_alike([((1, "a"),)], (("b",),))
    assert not are_alike([((1,),)], (("1.00 EUR",),))
