"""Texts that hold something random beside other things: what of them is masked, and what is compared literally."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from acidity.analysis.canonical import same
from acidity.analysis.diff import telling_changes
from acidity.analysis.masks import Masks, NotDeterministic, learn
from acidity.analysis.texts import Sort, cut, one_template, pieces_of
from acidity.core.outcome import State
from acidity.prove.drill.partial import done_in_part
from tests.unit.states import history, state, table

WRITES = history("INSERT INTO notes (id, text) VALUES (?, ?)")
HASH = "9f86d081884c7d65"
OTHER_HASH = "60303ae22b998861"


def notes(*texts: Any) -> State:
    return state(notes=table("id text", list(enumerate(texts, start=1))))


def learnt(one: tuple[Any, ...], two: tuple[Any, ...], before: State | None = None) -> Masks:
    return learn(before or notes(), [notes(*one), notes(*two)], WRITES)


def alike(masks: Masks, one: tuple[Any, ...], two: tuple[Any, ...], before: State | None = None) -> bool:
    return same(notes(*one), notes(*two), before or notes(), masks)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (f"90-{UUID(int=1)}", ["90-", str(UUID(int=1)), ""]),
        (f"{UUID(int=1)}0090", ["", str(UUID(int=1)), "0090"]),
        (f"receipt_{UUID(int=1).hex}_left_90", ["receipt_", UUID(int=1).hex, "_left_90"]),
        (f"https://x.example/{HASH}/left/90", ["https://x.example/", HASH, "/left/90"]),
        ("invoice of 2026-11-21 22:17:56.123: 90", ["invoice of ", "2026-11-21 22:17:56.123", ": 90"]),
        ("key aGkdRtYuIoPqWeRtZ_-x of 90", ["key ", "aGkdRtYuIoPqWeRtZ_-x", " of 90"]),
        ("Zm9v+mFyIGJhegoxMjM0NQ==", ["", "Zm9v+mFyIGJhegoxMjM0NQ==", ""]),
        ("id ab12cd34ef56gh78ij90+", ["id ab12cd34ef56gh78ij90+"]),
        ("charge-order-200-1764523956123456789", ["", "charge-order-200-", "", "1764523956123456789", ""]),
        ("nothing random at all", ["nothing random at all"]),
        ("", [""]),
    ],
)
def test_a_text_is_cut_around_what_may_be_random(text: str, pieces: list[str]) -> None:
    assert cut(text) == pieces


def test_of_base64_beside_other_things_nobody_knows_where_it_begins() -> None:
    assert all(sort is Sort.SAME for sort, _ in pieces_of("key Zm9vYmFyIGJhegoxMjM0NQ== of 90"))


def test_whether_answers_differ_in_what_is_random_alone() -> None:
    assert one_template([f"{uuid4()}-90", f"{uuid4()}-90"])
    assert not one_template([f"{uuid4()}-90", f"{uuid4()}-80"])
    assert not one_template([str(uuid4()), str(uuid4())]), "there is nothing else in them"


@pytest.mark.parametrize(
    "form",
    ["{u}-{n}", "{n}-{u}", "receipt_{h}_left_{n}", "{u} left {n}", "https://x.example/{u}/left/{n}", "{h}:{n}:{u}"],
)
def test_what_is_around_a_random_value_is_compared(form: str) -> None:
    def made(number: int) -> str:
        return form.format(u=uuid4(), h=uuid4().hex, n=number)

    masks = learnt((made(90), made(80)), (made(90), made(80)))
    assert masks.describe() == ("new random tokens are compared up to renaming: notes.text",)
    assert alike(masks, (made(90), made(80)), (made(90), made(80)))
    assert not alike(masks, (made(90), made(80)), (made(90), made(90)))
    assert not alike(masks, (made(90), made(80)), (made(90), made(70)))


def test_a_time_in_a_text_is_a_time() -> None:
    one, two = ("invoice of 2026-11-21 22:17:56.1: 90",), ("invoice of 2026-11-21 22:17:57.2: 90",)
    masks = learnt(one, two)
    assert masks.describe() == ("times are compared as empty, kept or new: notes.text",)
    assert alike(masks, one, ("invoice of 2026-11-21 22:18:00.3: 90",))
    assert not alike(masks, one, ("invoice of 2026-11-21 22:18:00.3: 80",))
    before = notes("invoice of 2026-11-21 22:17:55.0: 100")
    assert not alike(masks, one, ("invoice of 2026-11-21 22:17:55.0: 90",), before), "it is the time of before"


def test_a_token_in_a_text_is_the_same_as_the_one_elsewhere() -> None:
    def made(one: UUID, other: UUID) -> State:
        return state(files=table("id", [(one,)]), notes=table("id text", [(1, f"uploads/{other}.png")]))

    before = state(files=table("id", []), notes=table("id text", []))
    texts = history("INSERT INTO files (id) VALUES (?)", "INSERT INTO notes (id, text) VALUES (?, ?)")
    first, second, third = (uuid4() for _ in range(3))
    masks = learn(before, [made(first, first), made(second, second)], texts)
    assert same(made(first, first), made(third, third), before, masks)
    assert not same(made(first, first), made(second, third), before, masks)


def test_a_text_within_json_is_compared_piece_by_piece() -> None:
    def made(number: int) -> tuple[str]:
        return (json.dumps({"url": f"https://x.example/{uuid4()}/left/{number}"}),)

    masks = learnt(made(90), made(90))
    assert masks.tokens == {("notes", "text.$.url")}
    assert alike(masks, made(90), made(90))
    assert not alike(masks, made(90), made(80))


class TestAsAWhole:
    """Where more differs than what is random, a value that may be random is masked as it is."""

    def test_chance_in_the_rest(self) -> None:
        masks = learnt((f"{uuid4()}-1",), (f"{uuid4()}-2",))
        assert masks.tokens == {("notes", "text")}
        assert alike(masks, (f"{uuid4()}-1",), (f"{uuid4()}-3",))

    def test_chance_in_the_rest_of_what_is_no_token(self) -> None:
        with pytest.raises(NotDeterministic, match=r"notes\.text"):
            learnt((f"{uuid4()} of 1",), (f"{uuid4()} of 2",))

    def test_chance_that_two_runs_had_alike_and_others_have_not(self) -> None:
        lucky = learnt((f"{uuid4()}-1",), (f"{uuid4()}-1",))
        assert not alike(lucky, (f"{uuid4()}-1",), (f"{uuid4()}-3",))
        later = learnt((f"{uuid4()}-1",), (f"{uuid4()}-3",))
        masks = Masks.together([lucky, later])
        assert alike(masks, (f"{uuid4()}-1",), (f"{uuid4()}-3",))
        assert Masks.together([masks, learnt((f"{uuid4()}-1",), (f"{uuid4()}-1",))]) == masks

    def test_a_number_that_may_be_a_key_of_the_database(self) -> None:
        def made(key: int) -> State:
            return state(notes=table("id text", [(key, f"{uuid4()}-{key}")]))

        masks = learn(notes(), [made(1), made(1)], history("INSERT INTO notes (text) VALUES (?)"))
        assert same(made(1), made(2), notes(), masks)

    def test_what_the_database_writes(self) -> None:
        def made(number: int) -> State:
            return state(notes=table("id text", [(1, f"{uuid4()}-{number}")]))

        masks = learn(notes(), [made(7), made(7)], history("INSERT INTO notes (id) VALUES (?)"))
        assert same(made(7), made(8), notes(), masks)

    def test_texts_that_are_combined_by_chance(self) -> None:
        def made(*texts: str) -> State:
            rows = [(number, f"{uuid4()}-{text}") for number, text in enumerate(texts, start=10)]
            return state(notes=table("id text", rows))

        masks = learn(notes(), [made("a", "b"), made("b", "a")], WRITES)
        assert same(made("a", "b"), made("b", "a"), notes(), masks)


class TestConstants:
    """What is opaque and the same in all clean runs is no chance, whatever else is in its column."""

    def test_a_value_that_only_looks_random_is_compared(self) -> None:
        masks = learnt((uuid4().hex, "price-snapshot-00000012"), (uuid4().hex, "price-snapshot-00000012"))
        assert alike(masks, (uuid4().hex, "price-snapshot-00000012"), (uuid4().hex, "price-snapshot-00000012"))
        assert not alike(masks, (uuid4().hex, "price-snapshot-00000012"), (uuid4().hex, "price-snapshot-00000013"))

    def test_what_another_order_writes_is_known_there(self) -> None:
        first = learnt((uuid4().hex, "price-snapshot-00000012"), (uuid4().hex, "price-snapshot-00000012"))
        second = learnt(("price-snapshot-00000013",), ("price-snapshot-00000013",))
        masks = Masks.together([first, second])
        assert not alike(masks, ("price-snapshot-00000012",), ("price-snapshot-00000013",))

    @pytest.mark.parametrize("value", ["INV-90", "", UUID(int=7), None])
    def test_a_value_that_comes_again_needs_no_explanation(self, value: object) -> None:
        masks = learnt((str(uuid4()), value), (str(uuid4()), value))
        assert alike(masks, (str(uuid4()), value), (str(uuid4()), value))
        assert not alike(masks, (str(uuid4()), value), (str(uuid4()), "INV-80"))

    def test_only_what_is_not_explained_is_shown(self) -> None:
        with pytest.raises(NotDeterministic, match=r"\('INV-1' after one run, 'INV-2' after another\)"):
            learnt((str(uuid4()), "INV-1"), (str(uuid4()), "INV-2"))


def test_a_finding_shows_a_text_that_differs_in_more_than_chance() -> None:
    one, two = (f"{UUID(int=1)}-90",), (f"{UUID(int=2)}-90",)
    masks = learnt(one, two)

    def told(before: str, after: str) -> set[str]:
        rows = (state(notes=table("id text n", [(1, text, n)])) for text, n in ((before, 1), (after, 2)))
        (change,) = telling_changes(*rows, masks)
        return {name for name, _ in change.after or ()}

    assert told(*one, *two) == {"n"}
    assert told(*one, f"{UUID(int=2)}-80") == {"n", "text"}


def test_a_batch_that_is_done_in_part_has_no_other_texts() -> None:
    masks = learnt((f"{uuid4()}-90",), (f"{uuid4()}-90",))
    after = notes(f"{uuid4()}-90")
    assert done_in_part(notes(f"{uuid4()}-90"), notes(), after, ["notes"], masks)
    assert not done_in_part(notes(f"{uuid4()}-80"), notes(), after, ["notes"], masks)
