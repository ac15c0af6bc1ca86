"""What is kept of an answer, long after its session is closed."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.prove.stage.freeze import freeze


class Order:
    """Says nothing of itself; its lines know it."""

    def __init__(self, lines: int) -> None:
        self.number = 7
        self._lines = [Line(self, amount) for amount in range(lines)]


class Line:
    """Nor does this."""

    __slots__ = ("amount", "order")

    def __init__(self, order: Order, amount: int) -> None:
        self.order, self.amount = order, amount


class Named:
    """Says what it is."""

    def __repr__(self) -> str:
        return "a name"


class Called:
    """Is a function, as far as anybody can tell."""

    def __call__(self) -> None: ...


def test_of_what_says_nothing_the_attributes_are_kept() -> None:
    frozen = freeze(Order(1))
    assert frozen == {"": "Order", "number": 7, "_lines": [{"": "Line", "amount": 0, "order": "<Order>"}]}


def test_what_is_in_itself_is_only_named_there() -> None:
    """A thousand lines that know their order would else hold a thousand lines each."""
    assert len(freeze(Order(1000))["_lines"]) == 1000
    own: list[Any] = [1]
    own.append(own)
    assert freeze(own) == [1, "<list>"]


@pytest.mark.parametrize(("value", "shown"), [(Named(), "a name"), (Order, "Order'>"), (Called(), "Called object>")])
def test_what_says_something_is_what_it_says(value: object, shown: str) -> None:
    assert freeze(value).endswith(shown)
