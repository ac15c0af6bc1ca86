"""Keys in what callers answer are those of rows: all answers and all rows under one renaming."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.analysis.masks import Masks
from acidity.analysis.references import Alike, Said, compare_told, roles_of, stray
from acidity.core.outcome import State, Table
from tests.unit.counting import calls_of

KEYS = Masks(keys=frozenset({("bookings", "id"), ("notes", "id")}))
TOKENS = Masks(tokens=frozenset({("bookings", "id")}))
U = [f"{number}" * 8 + "-1111-4111-8111-" + f"{number}" * 12 for number in range(10)]


def rows(**guests: Any) -> State:
    """Each guest with the key of the booking."""
    booked = tuple(sorted((number, guest.strip("_")) for guest, number in guests.items()))
    return State({"bookings": Table(("id", "guest"), ("id",), {}, booked)})


def with_notes(**guests: Any) -> State:
    """The same numbers are keys of notes, too, and no note tells whose it is."""
    notes = tuple((number,) for number in sorted(guests.values()))
    return State({**rows(**guests).tables, "notes": Table(("id",), ("id",), {}, notes)})


SEED = rows()
AB, BA = rows(ann=1, bob=2), rows(bob=1, ann=2)


def compared(one: State, other: State, *told: tuple[Any, Any], orders: Any = ()) -> Alike:
    """Pairs of a clean answer and one to compare, in the order of the callers."""
    found = []
    for number, (clean, answer) in enumerate(told):
        known = [(answers[number], state) for answers, state in orders] or [(clean, one)]
        found.append(Said([clean], answer, roles_of(known, SEED, KEYS)))
    return compare_told(found, one, other, SEED, KEYS)


ORDERS = [((1, 2), AB), ((2, 1), BA)]


def test_own_keys_under_any_name() -> None:
    assert compared(AB, AB, (1, 1), (2, 2)) is Alike.SAME
    assert compared(AB, rows(ann=7, bob=9), (1, 7), (2, 9)) is Alike.SAME
    assert compared(AB, rows(bob=7, ann=9), (1, 9), (2, 7)) is Alike.SAME


def test_the_key_of_another_row() -> None:
    """Nothing but the answers tells them from right ones."""
    assert compared(AB, rows(ann=7, bob=9), (1, 9), (2, 9)) is Alike.UNLIKE
    assert compared(AB, rows(ann=7, bob=9), (1, 9), (2, 7)) is Alike.UNLIKE
    assert compared(AB, AB, (1, 2), (2, 2)) is Alike.UNLIKE


def test_an_equal_number_that_would_be_another_row_is_undecided() -> None:
    assert compared(BA, AB, (2, 2), (1, 1), orders=ORDERS) is Alike.PERHAPS


def test_a_number_that_is_no_key_in_some_order_is_a_number() -> None:
    assert compared(BA, AB, (2, 2), (1, 1), orders=[((5, 1), AB), ((2, 0), BA)]) is Alike.SAME


def test_rows_that_look_alike_may_stand_for_each_other_but_not_both_for_one() -> None:
    twins = rows(ann=1, ann_=2)
    assert compared(twins, twins, (1, 2), (2, 1)) is Alike.SAME
    assert compared(twins, twins, (1, 2), (2, 2)) is Alike.UNLIKE


def test_answers_of_one_caller_belong_together() -> None:
    twins = rows(ann=1, ann_=2, bob=3, bob_=4)
    assert compared(twins, twins, ([1, 2], [2, 1])) is Alike.SAME
    assert compared(twins, twins, ({"id": 1, "again": 1}, {"id": 2, "again": 2})) is Alike.SAME
    assert compared(twins, twins, ({"id": 1, "again": 1}, {"id": 2, "again": 1})) is Alike.PERHAPS


def test_a_number_may_be_a_key_of_any_table_but_of_one_in_one_place() -> None:
    one, other = with_notes(ann=1, bob=2), with_notes(ann=7, bob=9)
    assert compared(one, other, (1, 9), (2, 9)) is Alike.UNLIKE
    assert compared(one, other, (1, 9), (2, 7)) is Alike.SAME  # two notes, each of which may be anybody's


def test_in_a_text() -> None:
    named = rows(ann=17, bob=9)
    assert compared(AB, named, ("booking 1 of ann", "booking 17 of ann")) is Alike.SAME
    assert compared(AB, named, ("booking 1 of ann", "booking 9 of ann")) is Alike.UNLIKE


def test_tokens_differ_in_every_run_and_refer_all_the_same() -> None:
    one, other = rows(ann=U[1], bob=U[2]), rows(ann=U[3], bob=U[4])
    cleans = [U[1], U[5]]  # two clean runs: as chance had it
    right, swapped, elsewhere = (compare_told([Said(cleans, each, {})], one, other, SEED, TOKENS) for each in U[3:6])
    assert (right, swapped) == (Alike.SAME, Alike.UNLIKE)
    assert elsewhere is Alike.UNLIKE  # it stands in no row


def test_a_token_of_no_row_is_like_any_other_of_no_row() -> None:
    one, other = rows(ann=U[1]), rows(ann=U[3])
    nowhere, somewhere = (
        compare_told([Said([U[5], U[6]], each, {})], one, other, SEED, TOKENS) for each in (U[7], U[3])
    )
    assert (nowhere, somewhere) == (Alike.SAME, Alike.UNLIKE)
    assert [stray(U[5], one, each, other, SEED, TOKENS) for each in (U[7], U[3])] == [None, True]
    assert stray(U[1], one, U[7], other, SEED, TOKENS) is False


@pytest.mark.parametrize(("clean", "answer"), [({1: "a"}, {7: "a"}), ({1, 2}, {7, 9})])
def test_places_without_a_name_go_by_one_renaming(clean: Any, answer: Any) -> None:
    named = rows(ann=7, bob=9)
    assert compared(AB, named, (clean, answer)) is Alike.SAME
    assert compared(AB, named, ({2: "a"}, {7: "a"})) is Alike.PERHAPS


def test_anything_else_that_differs_is_unlike() -> None:
    assert compared(AB, AB, ({"id": 1, "state": "booked"}, {"id": 1, "state": "full"})) is Alike.UNLIKE


def test_the_work_grows_with_the_new_rows() -> None:
    """Each of them may be each of the other run's, which is asked of the few that an answer names."""

    def work(guests: int) -> int:
        one, other = (rows(**{f"guest{n}": n + first for n in range(guests)}) for first in (1, 10_001))
        return calls_of(lambda: compared(one, other, (1, 10_001)))

    assert work(200) < 2.2 * work(100)
