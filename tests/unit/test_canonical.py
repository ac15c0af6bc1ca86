"""When two States are the same up to the names of generated values, and when not."""

import itertools
import json
import random
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acidity.analysis import canonical as module
from acidity.analysis.canonical import TooSymmetric, bijection, canonical, equal_raw, same
from acidity.analysis.masks import Masks
from tests.unit.states import shop, state, table

SHOP = Masks(keys=frozenset({("orders", "id"), ("items", "id"), ("items", "order_id")}))
CLEAN = shop(orders=[(2, 1, 5), (3, 2, 7)], items=[(2, 2, "cup"), (3, 2, "pot"), (4, 3, "cup")])


def alike(a, b, seed, masks):
    """`same`, after checking that the digest and the renaming say the same."""
    result = same(a, b, seed, masks)
    if result:
        assert canonical(a, seed, masks) == canonical(b, seed, masks)
    assert (bijection(a, b, seed, masks) is not None) is result
    assert same(b, a, seed, masks) is result
    return result


class TestRenaming:
    def test_renamed_keys_and_gaps_in_a_sequence_are_equal(self):
        shifted = shop(orders=[(12, 1, 5), (30, 2, 7)], items=[(5, 12, "cup"), (9, 12, "pot"), (40, 30, "cup")])
        assert alike(CLEAN, shifted, shop(), SHOP)
        assert bijection(CLEAN, shifted, shop(), SHOP) == {"orders.id": {2: 12, 3: 30}, "items.id": {2: 5, 3: 9, 4: 40}}

    def test_the_order_of_rows_and_tables_does_not_matter(self):
        turned = state(**dict(reversed(CLEAN.tables.items())))
        for name, old in turned.tables.items():
            rows = tuple(reversed(old.rows))
            turned = state(**{**turned.tables, name: table(" ".join(old.columns), rows, references=old.references)})
        assert alike(CLEAN, turned, shop(), SHOP)

    @pytest.mark.parametrize(
        "other",
        [
            shop(orders=[(2, 1, 5), (3, 2, 7)], items=[(2, 2, "cup"), (3, 3, "pot"), (4, 3, "cup")]),
            shop(orders=[(2, 1, 5), (3, 2, 7)], items=[(2, 2, "cup"), (3, 2, "pot"), (4, 1, "cup")]),
            shop(orders=[(2, 1, 5), (3, 2, 7)], items=[(2, 2, "cup"), (3, 2, "pot"), (4, None, "cup")]),
            shop(orders=[(2, 2, 5), (3, 1, 7)], items=[(2, 2, "cup"), (3, 2, "pot"), (4, 3, "cup")]),
            shop(orders=[(2, 1, 5), (3, 2, 7)], items=[(2, 2, "cup"), (3, 2, "pot")]),
            shop(),
        ],
        ids=["wrong new parent", "wrong old parent", "no parent", "swapped payer", "missing item", "nothing"],
    )
    def test_other_links_are_a_difference(self, other):
        assert not alike(CLEAN, other, shop(), SHOP)
        assert canonical(CLEAN, shop(), SHOP) != canonical(other, shop(), SHOP)

    def test_a_key_of_the_application_is_literal(self):
        one, other = (shop(accounts=[(1, "ann", 100), (2, "bob", 0), (key, "eve", 0)]) for key in (3, 4))
        assert not alike(one, other, shop(), SHOP)

    def test_one_token_in_two_tables_is_one_token(self):
        masks = Masks(tokens=frozenset({("a", "x"), ("b", "y")}))
        seed = state(a=table("id x", []), b=table("id y", []))

        def run(x, y):
            return state(a=table("id x", [(1, x)]), b=table("id y", [(1, y)]))

        one, two = UUID(int=1 << 70), UUID(int=1 << 71)
        assert alike(run(one, one.hex), run(two, two.hex), seed, masks)
        assert not alike(run(one, one.hex), run(one, two.hex), seed, masks)
        assert not alike(run(one, one.hex), run(two, str(two)), seed, masks)

    def test_rows_of_a_table_without_key_keep_their_times(self):
        masks = Masks(times=frozenset({("log", "at")}))
        second = "2026-11-21 22:17:56"
        seed = state(log=table("text at", [("a", second)], key=""))
        appended = [
            state(log=table("text at", [("a", second), ("b", at)], key="")) for at in (second, "2026-11-21 22:17:57")
        ]
        updated = [state(log=table("text at", [("b", at)], key="")) for at in (second, "2026-11-21 22:17:57")]
        assert alike(*appended, seed, masks)
        assert not alike(*updated, seed, masks)

    def test_new_tables_and_columns_are_a_difference(self):
        assert not alike(state(), state(a=table("id", [])), state(), Masks())
        assert not alike(state(a=table("id", [])), state(a=table("id x", [])), state(), Masks())


class TestLiterals:
    VALUES = (
        "one",
        "1",
        b"1",
        1,
        1.0,
        True,
        None,
        "",
        b"",
        0,
        False,
        Decimal("1.5"),
        1.5,
        UUID(int=1),
        UUID(int=1).hex,
    )

    @pytest.mark.parametrize(("one", "other"), [*itertools.combinations(VALUES, 2)])
    def test_types_are_not_confused(self, one, other):
        a, b = (state(t=table("id v", [(1, value)])) for value in (one, other))
        assert not equal_raw(a, b)
        assert not alike(a, b, state(t=table("id v", [])), Masks())

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (Decimal("50.0"), Decimal("50.00")),
            (Decimal(0), Decimal("-0.00")),
            (0.0, -0.0),
            (float("nan"), float("nan")),
            (datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))),
            ({"a": [1, None], "b": 2}, {"b": 2, "a": [1, None]}),
            (bytearray(b"x"), b"x"),
        ],
    )
    def test_one_value_read_in_two_ways_is_equal(self, one, other):
        a, b = (state(t=table("id v", [(1, value)])) for value in (one, other))
        assert alike(a, b, state(t=table("id v", [])), Masks())

    @pytest.mark.parametrize("one", [("a", "bc"), ("ab", "c"), ("a\x00b", "c"), ("a", "b\x00c")])
    def test_neighbouring_cells_do_not_run_together(self, one):
        seed = state(t=table("x y", [], key=""))
        others = [("ab", "c"), ("a", "bc"), ("a\x00b", "c"), ("a", "b\x00c"), ("abc", "")]
        for other in others:
            states = [state(t=table("x y", [row], key="")) for row in (one, other)]
            assert alike(*states, seed, Masks()) is (one == other)


ENDS = {"a": ("nodes", "id"), "b": ("nodes", "id")}


class TestSymmetry:
    SEED = state(nodes=table("id", []), links=table("id a b", [], references=ENDS))
    MASKS = Masks(keys=frozenset({("nodes", "id"), ("links", "id"), ("links", "a"), ("links", "b")}))

    def graph(self, links):
        links = list(links)
        names = sorted({end for link in links for end in link})
        return state(
            nodes=table("id", [(name,) for name in names]),
            links=table("id a b", [(number, *link) for number, link in enumerate(links, 1)], references=ENDS),
        )

    def ring(self, *names):
        return list(zip(names, names[1:] + names[:1], strict=True))

    def test_two_triangles_are_not_a_hexagon(self):
        triangles = self.graph(self.ring(1, 2, 3) + self.ring(4, 5, 6))
        hexagon = self.graph(self.ring(1, 2, 3, 4, 5, 6))
        assert canonical(triangles, self.SEED, self.MASKS) == canonical(hexagon, self.SEED, self.MASKS)
        assert not alike(triangles, hexagon, self.SEED, self.MASKS)
        assert alike(hexagon, self.graph(self.ring(9, 3, 7, 2, 8, 1)), self.SEED, self.MASKS)

    def test_connected_twins_need_a_search(self):
        """The 3-prism and K3,3 are both connected and 3-regular: only trying a value on its own tells them apart."""

        def both_ways(pairs):
            return self.graph([*pairs, *((b, a) for a, b in pairs)])

        prism = both_ways([(1, 2), (2, 3), (3, 1), (4, 5), (5, 6), (6, 4), (1, 4), (2, 5), (3, 6)])
        bipartite = both_ways([(a, b) for a in (1, 3, 5) for b in (2, 4, 6)])
        renamed = both_ways([(a, b) for a in (1, 2, 3) for b in (4, 5, 6)])
        assert canonical(prism, self.SEED, self.MASKS) == canonical(bipartite, self.SEED, self.MASKS)
        assert not alike(prism, bipartite, self.SEED, self.MASKS)
        assert alike(bipartite, renamed, self.SEED, self.MASKS)

    def test_many_rows_that_look_alike_are_matched_in_order(self):
        one = shop(orders=[(n, 1, 5) for n in range(2, 102)], items=[(n, n, "cup") for n in range(2, 102)])
        two = shop(orders=[(n, 1, 5) for n in range(202, 302)], items=[(504 - n, n, "cup") for n in range(202, 302)])
        assert alike(one, two, shop(), SHOP)
        pairs = bijection(one, two, shop(), SHOP)
        assert pairs["orders.id"] == {n: n + 200 for n in range(2, 102)} or pairs["items.id"] == {
            n: n + 201 for n in range(2, 102)
        }

    def test_the_bound_of_the_search_is_not_an_answer(self, monkeypatch):
        monkeypatch.setattr(module, "TRIALS_MAX", 0)
        with pytest.raises(TooSymmetric):
            same(self.graph(self.ring(1, 2, 3)), self.graph(self.ring(2, 1, 3)), self.SEED, self.MASKS)


@st.composite
def shops(draw):
    """Rows of a shop after some operation: new orders of old accounts, items of any order, times and tokens."""
    orders = [
        (n, draw(st.sampled_from((1, 2))), draw(st.integers(0, 2))) for n in range(2, 2 + draw(st.integers(0, 4)))
    ]
    parents = st.sampled_from([1, *(order[0] for order in orders)])
    items = [(n, draw(parents), draw(st.sampled_from(("cup", "pot")))) for n in range(2, 2 + draw(st.integers(0, 5)))]
    return orders, items


@pytest.mark.dear
@settings(derandomize=True, deadline=None, max_examples=150)
@given(shops(), st.randoms(use_true_random=False))
def test_any_permutation_of_generated_keys_is_the_same(rows, chance: random.Random):
    orders, items = rows
    one = shop(orders, items)
    new_orders = dict(zip([row[0] for row in orders], chance.sample(range(2, 50), len(orders)), strict=True))
    new_items = chance.sample(range(2, 50), len(items))
    other = shop(
        [(new_orders[key], *rest) for key, *rest in orders],
        [(key, new_orders.get(order, order), sku) for key, (_, order, sku) in zip(new_items, items, strict=True)],
    )
    assert canonical(one, shop(), SHOP) == canonical(other, shop(), SHOP)
    assert alike(one, other, shop(), SHOP)
    renamed = bijection(one, other, shop(), SHOP)
    assert sorted(renamed.get("orders.id", {}).values()) == sorted(new_orders.values())


@pytest.mark.dear
@settings(derandomize=True, deadline=None, max_examples=150)
@given(shops(), st.data())
def test_a_change_of_one_literal_cell_never_is(rows, data):
    one = shop(*rows)
    literal = [
        (name, row, column)
        for name, columns in (("accounts", (0, 1, 2)), ("orders", (1, 2)), ("items", (2,)))
        for row in range(len(one.tables[name].rows))
        for column in columns
    ]
    name, row, column = data.draw(st.sampled_from(literal))
    old = one.tables[name]
    value = data.draw(st.sampled_from([7, "7", None, -1, 10_000]))
    cells = list(old.rows[row])
    cells[column] = value
    changed = [*old.rows[:row], tuple(cells), *old.rows[row + 1 :]]
    other = state(**{**one.tables, name: table(" ".join(old.columns), changed, references=old.references)})
    assert canonical(one, shop(), SHOP) != canonical(other, shop(), SHOP)
    assert not alike(one, other, shop(), SHOP)


LINKS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=7)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(LINKS, st.permutations(range(1, 6)), st.data())
@pytest.mark.slow
def test_same_is_what_trying_every_renaming_says(links, names, data):
    """Links between five new rows: once only renamed, and perhaps with one end moved."""
    moved = [[names[a - 1], names[b - 1]] for a, b in links]
    if data.draw(st.booleans()):
        moved[0][data.draw(st.integers(0, 1))] = data.draw(st.integers(1, 5))
    seed = state(nodes=table("id", []), links=table("a b", [], key="", references=ENDS))
    masks = Masks(keys=frozenset({("nodes", "id"), ("links", "a"), ("links", "b")}))
    one, other = (
        state(nodes=table("id", [(n,) for n in range(1, 6)]), links=table("a b", rows, key="", references=ENDS))
        for rows in (links, [tuple(row) for row in moved])
    )
    wanted = sorted(map(tuple, moved))
    expected = any(
        sorted((p[a - 1], p[b - 1]) for a, b in links) == wanted for p in itertools.permutations(range(1, 6))
    )
    assert alike(one, other, seed, masks) is expected


class TestArrays:
    """Rows whose documents hold several tokens in one array: the order in an array matters, that of rows does not."""

    SEED = state(t=table("id doc", [], key=""))
    MASKS = Masks(
        tokens=frozenset({("t", "doc.$.items[*]"), ("t", "doc.$.items[*].id"), ("t", "doc.$.of")}),
        documents=frozenset({("t", "doc")}),
    )

    def token(self, number):
        return UUID(int=(number << 70) + 0xABC)

    def rows(self, documents, names):
        """Each number in a document is the name of a token."""
        written = json.dumps([{"items": items, "of": of} for items, of in documents])
        read = json.loads(re.sub(r"\b\d\b", lambda found: f'"{self.token(names[int(found[0])])}"', written))
        return state(t=table("id doc", [(len(each["items"]), each) for each in read], key=""))

    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            ([([1, 2], 0)], [([2, 1], 0)], True),
            ([([1, 2], 1)], [([1, 2], 2)], False),
            ([([1, 1], 0)], [([1, 2], 0)], False),
            ([([1, 2], 0), ([2, 1], 0)], [([1, 2], 0), ([1, 2], 0)], False),
            ([([1, 2], 0), ([2, 1], 0)], [([3, 1], 2), ([1, 3], 2)], True),
            ([([1, 2, 3], 0), ([2, 3, 1], 0)], [([1, 2, 3], 0), ([3, 2, 1], 0)], False),
            ([([{"id": 1}, {"id": 2}], 0)], [([{"id": 2}, {"id": 1}], 0)], True),
            ([([{"id": 1, "n": "a"}, {"id": 2}], 0)], [([{"id": 2}, {"id": 1, "n": "a"}], 0)], False),
        ],
    )
    def test_two_tokens_in_one_array(self, one, other, expected):
        states = [self.rows(documents, range(1, 6)) for documents in (one, other)]
        assert alike(*states, self.SEED, self.MASKS) is expected

    def test_many_tokens_in_one_array(self):
        one, other = ({"items": [str(self.token(n)) for n in range(first, first + 300)]} for first in (1, 900))
        assert alike(*(state(t=table("id doc", [(1, each)], key="")) for each in (one, other)), self.SEED, self.MASKS)

    @settings(derandomize=True, deadline=None, max_examples=300)
    @given(st.data())
    @pytest.mark.slow
    def test_same_is_what_trying_every_renaming_says(self, data):
        tokens = st.integers(0, 3)
        drawn = st.lists(st.tuples(st.lists(tokens, min_size=1, max_size=3), tokens), min_size=1, max_size=4)
        one = data.draw(drawn)
        names = data.draw(st.permutations(range(4)))
        other = [[[names[n] for n in items], names[of]] for items, of in data.draw(st.permutations(one))]
        if data.draw(st.booleans()):
            items = data.draw(st.sampled_from(other))[0]
            items[data.draw(st.integers(0, len(items) - 1))] = data.draw(tokens)
        wanted = sorted((items, of) for items, of in other)
        expected = any(
            sorted(([p[n] for n in items], p[of]) for items, of in one) == wanted
            for p in itertools.permutations(range(4))
        )
        states = [self.rows(documents, range(1, 5)) for documents in (one, other)]
        assert alike(*states, self.SEED, self.MASKS) is expected


@pytest.mark.dear
def test_the_digest_is_the_same_in_every_process():
    code = "from tests.unit.test_canonical import *; print(canonical(CLEAN, shop(), SHOP).hex())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {canonical(CLEAN, shop(), SHOP).hex().encode() + b"\n"}
