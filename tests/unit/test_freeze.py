"""What is kept of an answer, long after its session is closed."""

from __future__ import annotations

from io import BytesIO, StringIO
from pathlib import Path
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


class Money:
    """A value, equal to others of the same amount."""

    def __init__(self, amount: int) -> None:
        self._amount = amount

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other._amount == self._amount

    __hash__ = None  # type: ignore[assignment]


class Receipt:
    """Shows what is in it."""

    def __init__(self, total: int) -> None:
        self._total = total

    def __repr__(self) -> str:
        return f"a receipt of {self._total}"


class Sealed(Receipt):
    """Does not."""

    def __repr__(self) -> str:
        return "a letter"


def test_what_is_private_is_a_part_of_a_value() -> None:
    assert freeze(Money(5)) == {"": "Money", "_amount": 5}


def test_what_is_in_a_buffer_is_kept() -> None:
    assert freeze([BytesIO(b"5"), StringIO("5"), memoryview(b"5")]) == [b"5", "5", b"5"]


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        (Receipt(5), []),
        (Sealed(5), ["Sealed"]),
        (lambda: 5, ["function"]),
        ([].append, ["builtin_function_or_method"]),
        (Called().__call__, ["method"]),
        (Called(), ["Called"]),
        (Path("/x"), []),
    ],
)
def test_what_does_not_show_what_is_in_it_is_named(value: object, hidden: list[str]) -> None:
    kinds: list[str] = []
    freeze({"part": [value]}, kinds)
    assert kinds == hidden
