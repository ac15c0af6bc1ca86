"""Where copies of generated keys stand, learnt from two clean runs that have other keys."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.analysis.answers import Likeness, compare_answers
from acidity.analysis.any_order import in_order_of
from acidity.analysis.canonical import same
from acidity.analysis.copies import Apart, texts_with_copies, with_copies, with_texts_apart
from acidity.analysis.masks import Masks
from acidity.core.outcome import State
from tests.unit.states import state, table

KEYS = Masks(keys=frozenset({("orders", "id"), ("notes", "id")}))
SEED = state(orders=table("id n", [(1, 5)]), notes=table("id it", []))


def shop(order: int, note: int, it: Any, n: int = 5) -> State:
    return state(orders=table("id n", [(1, 5), (order, n)]), notes=table("id it", [(note, it)]))


def learnt(it: Any, elsewhere: Any) -> Masks:
    return with_copies(KEYS, SEED, shop(2, 1, it), shop(103, 109, elsewhere))


@pytest.mark.parametrize(
    ("it", "elsewhere", "places"),
    [
        (2, 103, {(("notes", "it"), 0, "orders.id")}),
        (1, 109, {(("notes", "it"), 0, "notes.id")}),
        ("2030-00002", "2030-00103", {(("notes", "it"), 1, "orders.id")}),
        (
            "order 2 in note 1",
            "order 103 in note 109",
            {(("notes", "it"), i, f"{t}.id") for i, t in enumerate(("orders", "notes"))},
        ),
        ('{"order": {"id": 2}}', '{"order": {"id": 103}}', {(("notes", "it.$.order.id"), 0, "orders.id")}),
        (2, 2, set()),
        (2, 104, set()),  # no key is that
        (7, 103, set()),
        ("a2", "b103", set()),
        (None, None, set()),
    ],
)
def test_where_they_are(it: Any, elsewhere: Any, places: set[Any]) -> None:
    assert learnt(it, elsewhere).copies == places


@pytest.mark.parametrize(
    ("it", "elsewhere", "other", "is_same"),
    [
        (2, 103, 3, True),
        (2, 103, 2, False),  # the key that was used up
        (2, 103, "3", False),
        ("2030-00002", "2030-00103", "2030-00003", True),
        ("2030-00002", "2030-00103", "2030-3", False),
        ("2030-00002", "2030-00103", "2031-00003", False),
        ('{"id": 2}', '{"id": 103}', '{"id": 3}', True),
        ('{"id": 2}', '{"id": 103}', '{"id": 1}', False),  # of a row that was there before
    ],
)
def test_a_copy_is_renamed_with_its_key(it: Any, elsewhere: Any, other: Any, *, is_same: bool) -> None:
    masks = learnt(it, elsewhere)
    assert masks.copies
    assert same(shop(2, 1, it), shop(3, 1, other), SEED, masks) is is_same


def test_copies_of_two_rows_are_not_changed_about() -> None:
    """Each note holds the number of an order, and the orders are told apart by what else is in them."""

    def two(one: int, other: int) -> State:
        return state(orders=table("id n", [(1, 5), (2, 6), (3, 7)]), notes=table("id it", [(1, one), (2, other)]))

    masks = learnt(2, 103)
    assert same(two(2, 3), two(3, 2), SEED, masks), "the notes are alike but for their keys"
    assert not same(two(2, 3), two(2, 2), SEED, masks)


def test_what_is_no_copy_in_the_same_column_is_literal() -> None:
    masks = learnt(2, 103)
    assert not same(shop(2, 1, 77), shop(3, 1, 78), SEED, masks)


def test_texts_in_answers() -> None:
    answer, elsewhere = ({"number": f"ORD-{key:05d}", "paid": "90"} for key in (2, 103))
    assert list(texts_with_copies(answer, elsewhere, {2}, {103})) == [("number",)]
    assert not list(texts_with_copies(answer, elsewhere, {3}, {103}))
    assert not list(texts_with_copies(answer, {"number": "INV-00103", "paid": "90"}, {2}, {103}))
    apart = with_texts_apart(answer, frozenset({("number",)}))
    assert (apart["number"], apart["paid"]) == (Apart("ORD-\0\0\0\0\0", {0: 2}), "90")
    assert repr(apart) == repr(answer)
    assert Apart.of("2030-7") != Apart.of("2030-07")
    assert with_texts_apart(answer, frozenset()) is answer


def test_a_number_in_a_text_is_no_status() -> None:
    """As the last of a tuple may be."""
    one, other = map(Apart.of, ("ORD-0399", "ORD-0400"))
    assert compare_answers([one], other, {}) is Likeness.NUMBERS
    assert compare_answers([one], other, {"399": 400}) is Likeness.SAME
    assert compare_answers([one], Apart.of("INV-0400"), {}) is Likeness.OTHER


@pytest.mark.parametrize("text", ["2030-00017", "7", "", "no number", "a1b22c", "007"])
def test_a_text_shows_as_it_is(text: str) -> None:
    assert repr(Apart.of(text)) == repr(text)
    assert in_order_of([Apart.of(text)], [Apart.of(text)], {1, 2}) == [Apart.of(text)]


def test_keys_of_rows_that_are_changed_about_are_no_copies() -> None:
    """Each is the key of an order in both runs, but not of the same one."""

    def two(low: int, one: int, other: int) -> State:
        orders = [(1, 5), (low, 6), (low + 1, 7)]
        notes = [(low, low + one, "first"), (low + 1, low + other, "second")]
        return state(orders=table("id n", orders), notes=table("id it k", notes))

    seed = state(orders=table("id n", [(1, 5)]), notes=table("id it k", []))
    assert with_copies(KEYS, seed, two(2, 0, 1), two(103, 0, 1)).copies
    assert not with_copies(KEYS, seed, two(2, 0, 1), two(103, 1, 0)).copies
