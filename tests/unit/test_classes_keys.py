"""Keys and levels as they are held against those of other runs and transactions."""

from __future__ import annotations

import pytest

from acidity.core.call import Event, Reply
from acidity.prove.explore.classes.footprint import Footprint, Reader, Unfit
from acidity.prove.explore.classes.keys import Keys, keys_of
from acidity.prove.explore.classes.levels import Levels
from acidity.prove.explore.classes.schema import Described, Schema
from tests.unit.footprints import ALL, call, items

ONE, OTHER, THIRD = (f"{number}e0e2a3c-1b2d-4c5d-8e9f-0a1b2c3d4e5f" for number in "123")


def updating(*keys: object) -> tuple[Event, ...]:
    return tuple(Event(call("UPDATE t SET v = 1 WHERE id = %s", (key,)), Reply("ok")) for key in keys)


def reader_of_texts() -> Reader:
    return Reader(Schema({"t": Described(("id",), {"id": "text", "v": "number"})}), "postgresql")


def written(keys: Keys, key: object, name: str = "A") -> Footprint:
    (event,) = updating(key)
    keys.tell(event.call.params, name)
    return keys.of(reader_of_texts().read(event.call))


def test_a_key_that_comes_again_is_itself() -> None:
    keys = keys_of([[updating("one", "x"), updating("one", "y")]], reader_of_texts())
    assert keys.values == {"one"}
    assert written(keys, "one").writes == items(("t", "one"))
    assert (written(keys, "z").writes, written(keys, "z").exact) == (items(("t", ALL)), False)


def test_a_uuid_goes_by_who_used_it_first() -> None:
    """So the second one of A is the same row in each run, whatever it is called there, and for B, too."""
    keys = Keys(frozenset())
    first = [written(keys, ONE), written(keys, OTHER), written(keys, OTHER, "B"), written(keys, THIRD, "B")]
    keys.begin()
    drawn = [f"{number}e0e2a3c-1b2d-4c5d-8e9f-0a1b2c3d4e5f" for number in "789"]
    second = [written(keys, drawn[0]), written(keys, drawn[1]), written(keys, drawn[1], "B")]
    assert first[:3] == second
    assert first[1] == first[2]
    assert len({each.writes for each in first}) == 3
    assert all(each.exact for each in first)


def test_a_uuid_is_his_who_wrote_it_down_before_it_was_a_key() -> None:
    """Another one may have found it there, and be the first to look for its row."""
    keys = Keys(frozenset())
    keys.tell({"token": ONE.upper(), "more": [1, None]}, "A")
    found = written(keys, ONE, "B")
    keys.begin()
    keys.tell([{"token": OTHER}], "A")
    assert written(keys, OTHER) == found


def test_a_uuid_that_the_database_drew_is_nobodys() -> None:
    keys = Keys(frozenset())
    keys.hear([Event(call("SELECT id FROM t"), Reply("ok", rows=[(ONE,), (None,)]))])
    assert written(keys, ONE).writes == items(("t", ALL))


def test_a_uuid_that_comes_again_is_not_counted_among_those_that_are_drawn() -> None:
    """As a parameter of the runs of one order; otherwise what is drawn after it would have another number each time."""
    keys = keys_of([[updating(ONE), updating(ONE)]], reader_of_texts())
    keys.tell([ONE], "A")
    first = written(keys, OTHER)
    keys.begin()
    assert written(keys, THIRD) == first


def test_what_looks_random_and_comes_again_is_unfit() -> None:
    keys = Keys(frozenset())
    written(keys, ONE)
    keys.begin()
    with pytest.raises(Unfit):
        written(keys, ONE, "B")


def test_a_run_that_is_shown_with_other_letters_is_no_other_run() -> None:
    keys = Keys(frozenset())
    written(keys, ONE)
    keys.forget()
    keys.begin()
    assert written(keys, ONE, "B").exact


def test_what_both_may_compute_is_no_random_key() -> None:
    """A UUID of version 5, and a digest."""
    for key in ("1e0e2a3c-1b2d-5c5d-8e9f-0a1b2c3d4e5f", "d41d8cd98f00b204e9800998ecf8427e"):
        assert written(Keys(frozenset()), key).writes == items(("t", ALL))


# Levels that the program sets


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT"], ""),
        (["set session characteristics as transaction isolation level repeatable  read;", "SELECT", "SELECT"], ""),
        (["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT"], ""),
        (["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "SELECT"], ""),
        (["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"], "is set to SERIALIZABLE"),
        (["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT", "COMMIT", "SELECT"], "another one does not"),
        (["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT", "COMMIT", "SELECT"], ""),
    ],
)
def test_a_level_that_all_have_is_no_reason_to_run_every_schedule(texts: list[str], why: str) -> None:
    levels, foot = Levels("REPEATABLE READ"), Footprint()
    said = ""
    try:
        for text in texts:
            if text == "COMMIT":
                levels.ended(("A", 1))
            elif not levels.sets(("A", 1), text):
                levels.require(("A", 1), foot)
    except Unfit as error:
        said = str(error)
    assert (why in said) if why else not said


def test_who_sets_no_level_where_another_one_does_is_unfit() -> None:
    levels = Levels("SERIALIZABLE")
    assert levels.sets(("A", 1), "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    levels.begin()
    with pytest.raises(Unfit):
        levels.require(("B", 1), Footprint())
