"""Classes of schedules without a database: footprints of texts, the tree of runs, and what a program shares."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from cProfile import Profile
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import pytest

from acidity.adapters.seam import Actor, PassThrough, acting
from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.core.turn import Turn
from acidity.prove import Operation
from acidity.prove.explore.classes.families import READ_COMMITTED
from acidity.prove.explore.classes.follower import Follower, Learnt
from acidity.prove.explore.classes.footprint import Footprint, Reader, Unfit
from acidity.prove.explore.classes.items import Item, Items, Whole, key_of, meet
from acidity.prove.explore.classes.levels import Levels
from acidity.prove.explore.classes.schema import Described, Reference, Schema
from acidity.prove.explore.classes.shared import Shared
from acidity.prove.explore.classes.steady import Steady, steady_of
from acidity.prove.explore.classes.tree import Tree, with_fewest_switches
from acidity.prove.stage.effects import observed

SCHEMA = Schema(
    {
        "r": Described(("id",), {"id": "number", "v": "number", "name": "text"}),
        "n": Described(("id",), {"id": "number", "u": "number"}, uniques=(("u",),)),
        "w": Described(("id",), {"id": "number"}, triggers=True),
    },
    (Reference("n", ("r_id",), "r", ("id",)),),
)


def call(sql: str, params: Any = None, actor: str = "A", kind: Kind = Kind.STATEMENT, *, many: bool = False) -> Call:
    writes = Writes.NO if sql.lower().startswith("select") or kind is not Kind.STATEMENT else Writes.YES
    return Call(actor, 1, kind, sql, params, connection=1, writes=writes, many=many)


def items(*pairs: tuple[str, Any]) -> Items:
    return frozenset(Item(table, (key,) if isinstance(key, int | str) else key) for table, key in pairs)


ALL, NEW = Whole.ALL, Whole.NEW


@pytest.mark.parametrize(
    ("sql", "params", "reads", "writes", "locks", "shares"),
    [
        ("SELECT v FROM r WHERE id = ?", (1,), items(("r", 1)), (), (), ()),
        ("SELECT v FROM r WHERE id = %(k)s::INTEGER AND v > 2", {"k": 1}, items(("r", 1)), (), (), ()),
        ("SELECT v FROM r WHERE id = $1", (1,), items(("r", 1)), (), (), ()),
        ("SELECT v FROM r WHERE id = 1 OR v = 2", None, items(("r", ALL)), (), (), ()),
        ("SELECT v FROM r WHERE id = ?", (1.5,), items(("r", ALL)), (), (), ()),
        ("SELECT a.v FROM r a, r b WHERE a.id = 1", None, items(("r", 1), ("r", ALL)), (), (), ()),
        ("SELECT v FROM elsewhere", None, items(("*", ALL)), (), (), ()),
        ("UPDATE r SET v = 1 WHERE id = ?", (2,), (), items(("r", 2)), (), ()),
        ("UPDATE r SET v = (SELECT count(*) FROM n) WHERE id = 2", None, items(("n", ALL)), items(("r", 2)), (), ()),
        ("SELECT v FROM n WHERE id = 3 FOR UPDATE", None, (), (), items(("n", 3)), ()),
        ("SELECT v FROM n WHERE id = 3 FOR SHARE", None, (), (), (), items(("n", 3))),
        (
            "INSERT INTO n (id, u, r_id) VALUES (?, ?, ?)",
            (4, 5, 6),
            (),
            items(("n", 4), ("n:u", 5)),
            (),
            items(("r:key", 6)),
        ),
        ("INSERT INTO n (u) VALUES (?)", (5,), (), items(("n", NEW), ("n:u", 5)), (), items(("r:key", ALL))),
        (
            "DELETE FROM r WHERE id = 2",
            None,
            (),
            items(("r", 2), ("r:key", ALL), ("n", ALL), ("n:u", ALL)),
            (),
            (),
        ),
    ],
)
def test_the_footprint_of_a_text(
    sql: str, params: Any, reads: Items, writes: Items, locks: Items, shares: Items
) -> None:
    foot = Reader(SCHEMA, "postgresql").read(call(sql, params))
    found = (foot.reads, foot.writes, foot.locks, foot.shares)
    if "INSERT INTO n (u)" in sql:
        assert found[:3] == (frozenset(reads), writes, frozenset(locks))
    else:
        assert found == tuple(map(frozenset, (reads, writes, locks, shares)))


@pytest.mark.parametrize(
    ("sql", "exact"),
    [
        ("UPDATE r SET v = v + 1 WHERE id = 1 AND v > 2", True),
        ("SELECT v FROM r WHERE id = 1 FOR UPDATE", True),
        ("SELECT v FROM r WHERE id = 1 FOR UPDATE SKIP LOCKED", False),
        ("SELECT v FROM r WHERE id = 1 FOR UPDATE NOWAIT", False),
        ("UPDATE r SET v = (SELECT count(*) FROM n) WHERE id = 1", False),
        ("UPDATE r SET v = 1 WHERE v = 1", False),
        ("DELETE FROM n WHERE id = 1", False),
        ("INSERT INTO r (id) VALUES (1)", False),
    ],
)
def test_to_wait_is_to_come_later_only_for_one_row(sql: str, exact: bool) -> None:  # noqa: FBT001 - of a table
    assert Reader(SCHEMA, "postgresql").read(call(sql)).exact is exact


@pytest.mark.parametrize(
    "sql",
    [
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SELECT my_function(1)",
        "SELECT set_config('a', 'b', true)",
        "CREATE TABLE x (id INTEGER)",
        "SELECT 1; DELETE FROM r",
        "WITH gone AS (DELETE FROM r RETURNING id) SELECT * FROM gone",
        "SELECT v INTO x FROM r",
        "CALL something()",
        "not a text at all",
    ],
)
def test_what_is_not_understood_ends_the_reduction(sql: str) -> None:
    with pytest.raises(Unfit):
        Reader(SCHEMA, "postgresql").read(call(sql))


@pytest.mark.parametrize(
    "sql", ["SHOW transaction_isolation", "show transaction isolation level;", "SET TRANSACTION READ ONLY"]
)
def test_what_asks_how_the_session_is_set_looks_at_no_row(sql: str) -> None:
    foot = Reader(SCHEMA, "postgresql").read(call(sql))
    assert (foot.idle, foot.all, foot.wild) == (True, frozenset(), False)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mariadb"])
def test_a_parameter_may_be_called_as_a_word_of_sql(engine: str) -> None:
    foot = Reader(SCHEMA, engine).read(call("SELECT v FROM r WHERE id = %(key)s AND v = %(select)s", {"key": 3}))
    assert foot.reads == items(("r", 3))


@pytest.mark.parametrize("sql", ["UPDATE w SET id = 2 WHERE id = 1", "SELECT pg_advisory_xact_lock(1)"])
def test_what_may_do_more_than_it_says_is_wild(sql: str) -> None:
    assert Reader(SCHEMA, "postgresql").read(call(sql)).wild


def test_keys_are_apart_only_if_every_collation_says_so() -> None:
    assert key_of([("Anna", "text")]) == key_of([("ANNA", "text")]) != key_of([("Bert", "text")])
    for value, sort in (("é", "text"), ("a b", "text"), ("1", "number"), (True, "number"), (1, "text"), (1, "")):
        assert key_of([(value, sort)]) is ALL
    assert not meet(items(("r", 1)), items(("r", 2), ("n", 1)))
    assert meet(items(("r", 1)), items(("r", NEW)))
    assert meet(items(("r", 1)), items(("*", ALL)))


# The tree, over a database that grants everything


class World:
    """Runs programs of Calls that never wait; what comes of one is the order in which its Calls on a row are made."""

    def __init__(self, **programs: list[str]) -> None:
        self.programs = programs

    def run(self, tree: Tree) -> tuple[str, ...]:
        left = {name: list(calls) for name, calls in self.programs.items()}
        grants: list[str] = []
        while able := tuple(name for name, calls in left.items() if calls):
            name = tree(len(grants), able)
            text = left[name].pop(0)
            made = call(text, actor=name, kind=Kind.COMMIT if text == "COMMIT" else Kind.STATEMENT)
            grants.append(name)
            tree.after_turn(Turn(name, made))
        tree.seen()
        return tuple(grants)


def tree_of() -> Tree:
    learnt = Learnt()
    return Tree(
        Follower(
            READ_COMMITTED, Reader(SCHEMA, "postgresql"), learnt, Steady(frozenset(range(9))), Levels("READ COMMITTED")
        ),
        learnt,
    )


def test_callers_that_meet_nowhere_have_one_class() -> None:
    world = World(A=["UPDATE r SET v = 1 WHERE id = 1"] * 3, B=["UPDATE r SET v = 1 WHERE id = 2"] * 3)
    tree, runs = tree_of(), []
    while tree.has_next():
        runs.append(world.run(tree))
    assert runs == [("A", "A", "A", "B", "B", "B")]


def test_each_order_of_what_meets_is_run_once() -> None:
    world = World(**{name: ["UPDATE r SET v = 1 WHERE id = 1", "SELECT v FROM n"] for name in "ABC"})
    tree, orders = tree_of(), Counter[tuple[str, ...]]()
    while tree.has_next():
        grants = world.run(tree)
        orders[tuple(dict.fromkeys(grants))] += 1
    assert orders == dict.fromkeys(permutations("ABC"), 1)
    assert tree.redundant == 0


def test_the_plainest_schedule_of_a_class_has_the_fewest_switches() -> None:
    reads, writes = "SELECT v FROM r WHERE id = 1", "UPDATE r SET v = 1 WHERE id = 2"
    world, tree = World(A=[reads, reads, writes], B=[reads, reads, writes]), tree_of()

    def alternating(number: int, able: tuple[str, ...]) -> str:
        tree(number, able)
        return able[number % len(able)]

    left = {name: list(calls) for name, calls in world.programs.items()}
    tree._follower.begin()
    for number in range(6):
        able = tuple(name for name, calls in left.items() if calls)
        name = able[number % len(able)]
        tree._follower.choosing(able)
        tree.after_turn(Turn(name, call(left[name].pop(0), actor=name)))
    assert "".join(with_fewest_switches(tree.steps, READ_COMMITTED.depends)) in {"AAABBB", "BBBAAA"}


# What a program shares


COUNTED: dict[str, int] = {}
CONSTANT = {"price": 3}
LOCK = threading.Lock()
NUMBER = 0


class Gateway:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.charges: list[int] = []


GATEWAY = Gateway()


def counts() -> None:
    COUNTED["n"] = COUNTED.get("n", 0) + 1


def looks() -> int:
    return CONSTANT["price"]


def locks() -> None:
    with LOCK:
        pass


def assigns() -> None:
    global NUMBER  # noqa: PLW0603 - this is what is looked for
    NUMBER += 1


def charges() -> None:
    GATEWAY.charges.append(1)


def closing() -> Any:
    seen: list[int] = []
    return lambda: seen.append(1)


def around() -> Any:
    number = 0

    def adds() -> None:
        nonlocal number
        number += 1

    return adds


def of_itself() -> None:
    of_itself.number += 1  # type: ignore[attr-defined]


of_itself.number = 0  # type: ignore[attr-defined]
SPACE, LONG = SimpleNamespace(number=0), list(range(300))


def in_a_space() -> None:
    SPACE.number += 1


def grows() -> None:
    LONG.append(1)


@pytest.mark.parametrize(
    ("function", "arguments", "shares"),
    [
        (counts, (), True),
        (looks, (), False),
        (locks, (), True),
        (assigns, (), True),
        (charges, (), True),
        (closing(), (), True),
        (around(), (), True),
        (of_itself, (), True),
        (in_a_space, (), True),
        (grows, (), True),
        ((lambda seen: seen.append(1)), ([],), True),
        ((lambda seen: len(seen)), ([],), False),
        (GATEWAY.charges.append, (1,), True),
    ],
    ids=[
        "counts",
        "looks",
        "locks",
        "assigns",
        "charges",
        "closure",
        "around",
        "of itself",
        "space",
        "grows",
        "argument",
        "argument read",
        "builtin",
    ],
)
def test_what_callers_share_beside_the_database_is_seen(
    function: Any,
    arguments: tuple[Any, ...],
    shares: bool,  # noqa: FBT001 - of a table
) -> None:
    shared = Shared([Operation(function, *arguments, name="f")])
    with shared.watching():
        function(*arguments)
    before = shared.mark()
    function(*arguments)
    assert (shared.locks() or shared.writes_global or shared.mark() != before) is shares


def test_under_a_profiler_nothing_is_seen_and_it_goes_on() -> None:
    profiler = Profile()
    shared = Shared([Operation(counts, name="f")])
    with profiler:
        there = sys.getprofile()
        with shared.watching():
            counts()
        assert sys.getprofile() is there
    assert shared.unseen
    assert not Shared([Operation(counts, name="f")]).unseen


# Keys that do not come again

ONE, OTHER, THIRD = (f"{number}e0e2a3c-1b2d-4c5d-8e9f-0a1b2c3d4e5f" for number in "123")


def updating(*keys: object) -> tuple[Event, ...]:
    return tuple(Event(call("UPDATE t SET v = 1 WHERE id = ?", (key,)), Reply("ok")) for key in keys)


def reader_of_texts() -> Reader:
    return Reader(Schema({"t": Described(("id",), {"id": "text", "v": "number"})}), "postgresql")


def written(steady: Steady, key: object, name: str = "A") -> Footprint:
    return steady.of(reader_of_texts().read(updating(key)[0].call), name)


def test_a_key_that_comes_again_is_itself() -> None:
    steady = steady_of([[updating("one", "x"), updating("one", "y")]], reader_of_texts())
    assert steady.values == {"one"}
    assert written(steady, "one").writes == items(("t", "one"))
    assert (written(steady, "z").writes, written(steady, "z").exact) == (items(("t", ALL)), False)


def test_a_uuid_goes_by_who_used_it_first() -> None:
    """So the second one of A is the same row in each run, whatever it is called there, and for B, too."""
    steady = Steady(frozenset())
    first = [written(steady, ONE), written(steady, OTHER), written(steady, OTHER, "B"), written(steady, THIRD, "B")]
    steady.begin()
    drawn = [f"{number}e0e2a3c-1b2d-4c5d-8e9f-0a1b2c3d4e5f" for number in "789"]
    second = [written(steady, drawn[0]), written(steady, drawn[1]), written(steady, drawn[1], "B")]
    assert first[:3] == second
    assert first[1] == first[2]
    assert len({each.writes for each in first}) == 3
    assert all(each.exact for each in first)


def test_what_looks_random_and_comes_again_is_unfit() -> None:
    steady = Steady(frozenset())
    written(steady, ONE)
    steady.begin()
    with pytest.raises(Unfit):
        written(steady, ONE, "B")


def test_a_run_that_is_shown_with_other_letters_is_no_other_run() -> None:
    steady = Steady(frozenset())
    written(steady, ONE)
    steady.forget()
    steady.begin()
    assert written(steady, ONE, "B").exact


def test_what_both_may_compute_is_no_random_key() -> None:
    """A UUID of version 5, and a digest."""
    for key in ("1e0e2a3c-1b2d-5c5d-8e9f-0a1b2c3d4e5f", "d41d8cd98f00b204e9800998ecf8427e"):
        assert written(Steady(frozenset()), key).writes == items(("t", ALL))


# Effects: what only their own code comes by is kept in order with them


class Folder:
    """Keeps what it was told where nobody looks."""

    def put(self) -> None:
        COUNTED["n"] = COUNTED.get("n", 0) + 1

    def get(self) -> int:
        return 1


FOLDER = Folder()


def puts() -> None:
    FOLDER.put()


def puts_and_gets() -> None:
    FOLDER.put()
    FOLDER.get()


def puts_and_counts() -> None:
    FOLDER.put()
    len(COUNTED)


@pytest.mark.parametrize(
    ("function", "otherwise", "shares"),
    [(puts, False, False), (puts_and_gets, True, False), (puts_and_counts, False, True)],
    ids=["through the effect", "its object is asked for more", "its state is named elsewhere"],
)
def test_what_is_behind_an_effect_counts_where_it_is_come_by_in_another_way(
    function: Any,
    otherwise: bool,  # noqa: FBT001 - of a table
    shares: bool,  # noqa: FBT001 - of a table
) -> None:
    COUNTED.clear()
    actor = Actor("A", PassThrough())
    shared = Shared([Operation(function, name="f")], [FOLDER.put])
    with observed([FOLDER.put], lambda *_: None), acting(actor), shared.watching():
        function()
        before = shared.mark()
        function()
        COUNTED["m"] = 1
        after = shared.mark()
        del COUNTED["m"]
    assert (shared.asks_outside, after != before) == (otherwise, shares)


def test_what_each_request_has_for_itself_is_shared_with_nobody() -> None:
    """Flask's `request` stands for one that is not there between requests, and has every method."""
    local = pytest.importorskip("werkzeug.local")
    request = local.LocalProxy(local.Local(), "request")
    shared = Shared([Operation(lambda _: None, request, name="f")])
    assert not shared.locks()
    assert shared.mark() == shared.mark()


# Levels that the program sets


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT"], ""),
        (["set session characteristics as transaction isolation level repeatable  read;", "SELECT", "SELECT"], ""),
        (["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT"], ""),
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
