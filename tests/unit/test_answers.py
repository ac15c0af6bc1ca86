"""When the answer of a run is the clean run's answer."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from acidity.analysis.answers import Likeness, compare_answers
from acidity.prove.stage.freeze import freeze

ONE, TWO, THREE = (UUID(int=number << 64) for number in (1, 2, 3))
PAIRS = {101: 205, ONE.hex: THREE.hex}


def same_answer(cleans: list[Any], answer: Any, pairs: dict[Any, Any]) -> bool:
    return compare_answers(cleans, answer, pairs) is Likeness.SAME


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclass
class Receipt:
    order: int
    total: Decimal


class Model:
    """Says itself when it is equal, as pydantic models do."""

    def __init__(self, order, total):
        self.order, self.total = order, total

    def __eq__(self, other):
        return vars(self) == vars(other)

    __hash__ = None


class Plain:
    pass


class Shown:
    def __init__(self, order):
        self.order = order

    def __repr__(self):
        return f"<Order {self.order} paid 50>"


@pytest.mark.parametrize(
    ("clean", "answer"),
    [
        (None, None),
        (True, True),
        ({"ok": True, "order": 101}, {"order": 205, "ok": True}),
        ([101, (1, 101)], [205, (1, 205)]),
        (Pair(101, "a"), Pair(205, "a")),
        (Receipt(101, Decimal(5)), Receipt(205, Decimal(5))),
        (Model(101, 5), Model(205, 5)),
        ({1, 101}, {1, 205}),
        ({101: "a", 3: "b"}, {205: "a", 3: "b"}),
        ("order 101 placed", "order 205 placed"),
        (b'{"order": 101}', b'{"order": 205}'),
        (f"/orders/{ONE}", f"/orders/{THREE}"),
        (ONE, THREE),
        (Plain(), Plain()),
        (Shown(101), Shown(205)),
        (float("nan"), float("nan")),
    ],
)
def test_the_same(clean, answer):
    assert same_answer([clean, clean], answer, PAIRS)


@pytest.mark.parametrize(
    ("clean", "answer"),
    [
        (None, 0),
        (True, False),
        (101, 204),
        (101, "205"),
        (30, 31),
        (1.5, 2.5),
        ({"ok": True}, {"ok": True, "more": 1}),
        ({"order": 101}, {"order": 206}),
        ([1, 2], [1]),
        ([1], (1,)),
        (Receipt(101, Decimal(5)), Receipt(205, Decimal(6))),
        (Receipt(101, Decimal(5)), Pair(205, Decimal(5))),
        (Model(101, 5), Model(205, 6)),
        ({1, 101}, {1, 206}),
        ("order 101 placed", "order 206 placed"),
        ("order 101 placed", "order 205 refused"),
        ("paid 101.5", "paid 205.5"),
        (ONE, TWO),
        (date(2026, 1, 1), date(2026, 1, 2)),
        (Shown(101), Shown(102)),
        (Plain(), Shown(1)),
    ],
)
def test_not_the_same(clean, answer):
    assert not same_answer([clean, clean], answer, PAIRS)


@pytest.mark.parametrize(
    ("cleans", "answer", "expected"),
    [
        ([ONE, TWO], THREE, True),
        ([{"token": "9f86d081884c7d65"}, {"token": "60303ae22b998861"}], {"token": "fcde2b2edba56bf4"}, True),
        ([{"token": "9f86d081884c7d65"}, {"token": "60303ae22b998861"}], {"token": "failed"}, False),
        ([date(2026, 1, 1), date(2026, 1, 2)], date(2026, 1, 3), True),
        ([date(2026, 1, 1), date(2026, 1, 2)], None, False),
        (["at 2026-01-01 10:00:01", "at 2026-01-01 10:00:02"], "at 2026-01-01 10:00:03", True),
        (["at 2026-01-01 10:00:01", "at 2026-01-01 10:00:02"], "in 2026-01-01 10:00:03", False),
        ([{ONE, 1}, {TWO, 1}], {THREE, 1}, True),
        ([{ONE, 1}, {TWO, 1}], {THREE, 2}, False),
        ([17, 42], 5, False),
    ],
)
def test_what_differs_between_the_clean_runs_may_differ_if_it_is_random_or_a_time(cleans, answer, expected):
    assert same_answer(cleans, answer, {}) is expected


def test_one_number_may_be_the_key_of_two_tables():
    pairs = {"orders.id": {3: 4}, "items.id": {3: 3}}
    assert same_answer([{"order": 3, "item": 3}], {"order": 4, "item": 3}, pairs)
    assert not same_answer([{"order": 3, "item": 3}], {"order": 5, "item": 3}, pairs)


def test_an_answer_that_contains_itself_ends():
    clean, answer = [101], [205]
    clean.append(clean)
    answer.append(answer)
    assert same_answer([clean], answer, PAIRS)


class Word(StrEnum):
    BOOKED = "booked"
    FULL = "full"


class Code(IntEnum):
    BOOKED = 1
    FULL = 2


class Level(Enum):
    L1 = "l1"
    L2 = "l2"


def likeness(clean, answer, pairs=PAIRS):
    """As the drill compares: of what was kept of the answers."""
    return compare_answers([freeze(clean)] * 2, freeze(answer), pairs)


@pytest.mark.parametrize(
    ("clean", "answer"),
    [
        (30, 31),
        (1.5, 2.25),
        (Decimal("1.5"), 2),
        ({"attempts": 1}, {"attempts": 2}),
        ({"retries": 0}, {"retries": 1}),
        ({"updated": 1}, {"updated": 0}),
        ({"id": 1, "name": "x"}, {"id": 3, "name": "x"}),
        ({1: "a"}, {3: "a"}),
        ({"sent": {5}}, {"sent": {6}}),
        ("done in 12ms", "done in 7ms"),
        ("order 101 placed, attempt 1", "order 206 placed, attempt 2"),
        ("paid 101.5", "paid 205.5"),
        (f"/orders/{ONE}", f"/orders/{TWO}"),
        (ONE, TWO),
        ("9f86d081884c7d65", "60303ae22b998861"),
        (date(2026, 1, 1), date(2026, 1, 2)),
        (datetime(2026, 1, 1, 10, tzinfo=UTC), "2026-01-01T10:00:01"),
        (timedelta(seconds=1), timedelta(seconds=2)),
        (Receipt(101, Decimal(5)), Receipt(206, Decimal(5))),
        (Model(101, 5), Model(206, 5)),
        ([(1, "ann")], [(2, "ann")]),
    ],
)
def test_only_numbers_times_tokens_or_keys_differ(clean, answer):
    assert likeness(clean, answer) is Likeness.NUMBERS


@pytest.mark.parametrize(
    ("clean", "answer"),
    [
        (True, False),
        (False, True),
        (3, 0),
        ("booked", ""),
        ([1], []),
        (None, 5),
        ({"order": 101}, None),
        ({"order": 101}, {"order": None}),
        ({"reason": None}, {"reason": "no seat is left"}),
        ({"success": True}, {"success": False}),
        ({"ok": True, "seat": "A1"}, {"ok": False, "seat": "none"}),
        ("booked", ValueError("no seat is left")),
        ({"result": "booked"}, {"result": ValueError("no seat is left")}),
        ({"order": 101}, {"error": "no seat is left"}),
        ({"order": 101}, {"order": 101, "errors": ["no seat is left"]}),
        ({"order": 101}, {"detail": "no seat is left"}),
        ({"order": 101, "error": ""}, {"order": 101, "error": "no seat is left"}),
        ({"data": {"order": 101}}, {"data": {"exception": "NoSeat"}}),
        (Receipt(101, Decimal(5)), {"error": "no seat is left"}),
        ("booked", ("no seat is left", 409)),
        (("booked", 200), ("booked", 500)),
        ({"status_code": 201}, {"status_code": 503}),
        ({"status": 200, "body": "booked"}, {"status": 500, "body": "sorry"}),
    ],
)
def test_it_says_that_it_failed(clean, answer):
    assert likeness(clean, answer) is Likeness.FAILED


@pytest.mark.parametrize(
    ("clean", "answer"),
    [
        ("booked", "not available"),
        ("booked", "full"),
        ("order 101 placed", "order 206 refused"),
        ("ok", 1),
        (True, "ok"),
        (101, "205"),
        (Word.BOOKED, Word.FULL),
        (Code.BOOKED, Code.FULL),
        (Level.L1, Level.L2),
        ({"ok": True}, {"ok": True, "more": 1}),
        ({"ok": True, "more": 1}, {"ok": True}),
        ({"state": "booked"}, {"state": ""}),
        ({"rows": [1]}, {"rows": []}),
        ([1, 2], [1]),
        ([1], (1,)),
        ({"ok": True}, {"ok": True, "error": ""}),
        ({"sent": {"ann"}}, {"sent": {"bob"}}),
        (ValueError("a"), ValueError("b")),
        (Plain(), Shown(1)),
        ("9f86d081884c7d65", "failed"),
        ({"a": 1}, {"b": 1}),
    ],
)
def test_another_word_means_nothing_to_us(clean, answer):
    assert likeness(clean, answer) is Likeness.OTHER


def test_the_worst_part_counts():
    clean = {"id": 1, "state": "booked", "ok": True}
    assert likeness(clean, {"id": 3, "state": "booked", "ok": True}) is Likeness.NUMBERS
    assert likeness(clean, {"id": 3, "state": "full", "ok": True}) is Likeness.OTHER
    assert likeness(clean, {"id": 3, "state": "full", "ok": False}) is Likeness.FAILED


def made_anew(name: str) -> Enum:
    class Status(Enum):
        PAID = "paid"
        OPEN = "open"

    return Status[name]


def test_members_of_a_class_that_each_call_makes_are_told_by_their_names():
    assert likeness(made_anew("PAID"), made_anew("PAID")) is Likeness.SAME
    assert likeness(made_anew("PAID"), made_anew("OPEN")) is not Likeness.SAME
