"""What is made of generated keys: known from clean runs in which rows have the same keys, and literal otherwise."""

from __future__ import annotations

from acidity.analysis.compare import Comparer
from acidity.analysis.copies import derived
from acidity.analysis.derived import Derived
from acidity.analysis.masks import Masks
from acidity.core.outcome import State
from tests.unit.states import state, table

KEYS = Masks(keys=frozenset({("orders", "id")}))
SEED = state(orders=table("id link n", [(1, "one", 5)]))
LINK = frozenset({("orders", "link")})


def shop(key: int, link: str, n: int = 5) -> State:
    return state(orders=table("id link n", [(1, "one", 5), (key, link, n)]))


def known(*states: State) -> Derived:
    made = Derived(SEED, KEYS, LINK)
    for each in states:
        made.learn(each)
    return made


def test_what_differs_where_keys_do_is_made_of_them() -> None:
    assert derived(KEYS, SEED, shop(2, "two"), shop(103, "many")) == LINK
    assert derived(KEYS, SEED, shop(2, "two"), shop(103, "two")) == frozenset()


def test_what_a_key_has_made_before_goes_with_it() -> None:
    comparer = Comparer(SEED, KEYS, known(shop(2, "two"), shop(3, "three")))
    assert comparer.same(shop(2, "two"), shop(3, "three"))
    assert comparer.digest(shop(2, "two")) == comparer.digest(shop(3, "three"))
    assert not comparer.same(shop(2, "two"), shop(3, "two"))  # which the key 3 does not make
    assert not comparer.same(shop(2, "two"), shop(4, "four"))  # of which nothing is known
    assert not comparer.same(shop(2, "two"), shop(3, "three", n=6))


def test_it_is_learnt_later() -> None:
    made = known(shop(2, "two"))
    comparer = Comparer(SEED, KEYS, made)
    assert not comparer.same(shop(2, "two"), shop(4, "four"))
    assert made.unknown(shop(4, "four")) == [("orders", (("id", 4),))]
    made.learn(shop(4, "four"))
    assert comparer.same(shop(2, "two"), shop(4, "four"))


def test_what_one_key_makes_in_two_ways_is_not_made_of_it() -> None:
    comparer = Comparer(SEED, KEYS, known(shop(2, "two"), shop(3, "three"), shop(3, "drei")))
    assert not comparer.same(shop(2, "two"), shop(3, "three"))


def test_nor_is_it_where_another_column_is_made_of_keys() -> None:
    seed = state(orders=table("id link code", [(1, "one", "a")]))

    def row(key: int, link: str, code: str) -> State:
        return state(orders=table("id link code", [(1, "one", "a"), (key, link, code)]))

    made = Derived(seed, KEYS, LINK | {("orders", "code")})
    for each in (row(2, "two", "b"), row(3, "three", "c"), row(3, "drei", "c")):
        made.learn(each)
    comparer = Comparer(seed, KEYS, made)
    assert comparer.same(row(2, "two", "b"), row(3, "two", "c"))  # the code is made of the key
    assert not comparer.same(row(2, "two", "b"), row(3, "three", "c"))  # and the link is not


def test_an_answer_says_it_as_it_says_the_key() -> None:
    made = known(shop(2, "two"), shop(3, "three"))
    said = [made.said({"link": link}, shop(key, link)) for key, link in ((2, "two"), (3, "three"))]
    assert [answer["link"].numbers for answer in said] == [{0: 2}, {0: 3}]
    assert said[0]["link"].around == said[1]["link"].around
    assert made.said("four", shop(3, "three")) == "four"
