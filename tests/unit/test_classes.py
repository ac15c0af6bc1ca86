"""Classes of schedules without a database: footprints of texts, and the tree of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from acidity.core.call import Call, Event, Kind, Reply
from acidity.core.turn import Turn
from acidity.prove.explore.classes.families import READ_COMMITTED, SQLITE_WAL
from acidity.prove.explore.classes.follower import Follower
from acidity.prove.explore.classes.footprint import Reader, Unfit
from acidity.prove.explore.classes.items import WRITER, Items, key_of, meet
from acidity.prove.explore.classes.keys import Keys
from acidity.prove.explore.classes.learnt import Learnt
from acidity.prove.explore.classes.levels import Levels
from acidity.prove.explore.classes.memory import ROWS_MAX, Memory
from acidity.prove.explore.classes.step import Part
from acidity.prove.explore.classes.tree import Tree, with_fewest_switches
from tests.unit.footprints import ALL, NEW, SCHEMA, call, items


@pytest.mark.parametrize(
    ("sql", "params", "reads", "writes", "locks", "shares"),
    [
        ("SELECT v FROM r WHERE id = %s", (1,), items(("r", 1)), (), (), ()),
        ("SELECT v FROM r WHERE id = %(k)s::INTEGER AND v > 2", {"k": 1}, items(("r", 1)), (), (), ()),
        ("SELECT v FROM r WHERE id = $1", (1,), items(("r", 1)), (), (), ()),
        ("SELECT v FROM r WHERE id = 1 OR v = 2", None, items(("r", ALL)), (), (), ()),
        ("SELECT v FROM r WHERE id = %s", (1.5,), items(("r", ALL)), (), (), ()),
        ("SELECT a.v FROM r a, r b WHERE a.id = 1", None, items(("r", 1), ("r", ALL)), (), (), ()),
        ("SELECT v FROM r JOIN r AS o ON o.id = r.v WHERE r.id = 1", None, items(("r", 1), ("r", ALL)), (), (), ()),
        ("SELECT o.v FROM r AS o, n AS r WHERE r.id = 1", None, items(("r", ALL), ("n", 1)), (), (), ()),
        ("UPDATE r SET v = 1 WHERE id = %s", (2,), (), items(("r", 2)), (), ()),
        ("UPDATE r SET v = (SELECT count(*) FROM n) WHERE id = 2", None, items(("n", ALL)), items(("r", 2)), (), ()),
        ("SELECT v FROM n WHERE id = 3 FOR UPDATE", None, (), (), items(("n", 3)), ()),
        ("SELECT v FROM n WHERE id = 3 FOR SHARE", None, (), (), (), items(("n", 3))),
        (
            "SELECT 1 FROM r, n AS m WHERE r.id = 1 AND m.id = 2 FOR UPDATE OF m",
            None,
            items(("r", 1)),
            (),
            items(("n", 2)),
            (),
        ),
        (
            "INSERT INTO n (id, u, r_id) VALUES (%s, %s, %s)",
            (4, 5, 6),
            (),
            items(("n", 4), ("n:u", 5)),
            (),
            items(("r:key", 6)),
        ),
        ("INSERT INTO n (u) VALUES (%s)", (5,), (), items(("n", NEW), ("n:u", 5)), (), items(("r:key", ALL))),
        (
            "DELETE FROM r WHERE id = 2",
            None,
            (),
            items(("r", 2), ("r:key", ALL), ("n", ALL), ("n:u", ALL)),
            (),
            items(("r:key", ALL)),
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
        "SELECT v FROM elsewhere",
        "SELECT ctid FROM r WHERE id = 1",
        "UPDATE n SET u = extract(epoch from CURRENT_TIMESTAMP) WHERE id = 1",  # a time that no type tells
        "SELECT v FROM (SELECT v FROM r WHERE id = 1) AS s FOR UPDATE",
        "SELECT v FROM r WHERE id = E'it\\'s' AND v = %s",
        "SELECT v FROM r WHERE v = '%s' AND id = %s",
        "SELECT v FROM r WHERE id = $1 AND v = %s",
    ],
)
def test_what_is_not_understood_ends_the_reduction(sql: str) -> None:
    with pytest.raises(Unfit):
        Reader(SCHEMA, "postgresql").read(call(sql))


@pytest.mark.parametrize(
    ("sql", "engine"),
    [
        ("SHOW transaction_isolation", "postgresql"),
        ("show transaction isolation level;", "postgresql"),
        ("SET TRANSACTION READ ONLY", "postgresql"),
        ("SHOW SESSION VARIABLES LIKE 'transaction_isolation'", "mariadb"),
        ("PRAGMA case_sensitive_like = true", "sqlite"),
        ("PRAGMA read_uncommitted", "sqlite"),
        ("PRAGMA busy_timeout = 5000", "sqlite"),
        ("PRAGMA busy_timeout(5000);", "sqlite"),
        ("PRAGMA read_uncommitted = 0", "sqlite"),  # what isolation_level="SERIALIZABLE" of SQLAlchemy sends to SQLite
    ],
)
def test_what_asks_how_the_session_is_set_looks_at_no_row(sql: str, engine: str) -> None:
    foot = Reader(SCHEMA, engine).read(call(sql))
    assert (foot.idle, foot.all, foot.wild) == (True, frozenset(), False)


@pytest.mark.parametrize("value", ["= 1", "= true", "(on)"])
def test_whoever_reads_what_is_not_committed_is_not_idle(value: str) -> None:
    with pytest.raises(Unfit):
        Reader(SCHEMA, "sqlite").read(call(f"PRAGMA read_uncommitted {value}"))


@pytest.mark.parametrize(
    ("sql", "engine"),
    [
        ("SELECT relname FROM pg_class WHERE pg_table_is_visible(oid)", "postgresql"),
        ("SELECT format_type(t.oid, NULL) FROM pg_catalog.pg_type AS t", "postgresql"),
        ("SELECT column_name FROM information_schema.columns WHERE table_name = 'r'", "postgresql"),
        ("SELECT name FROM sqlite_master WHERE type = 'table'", "sqlite"),
        ("PRAGMA main.table_info(r)", "sqlite"),
        ("PRAGMA user_version;", "sqlite"),
    ],
)
def test_what_asks_of_the_tables_themselves_meets_no_row(sql: str, engine: str) -> None:
    foot = Reader(SCHEMA, engine).read(call(sql))
    assert (foot.idle, foot.wild) == (False, False)
    assert foot.reads == foot.all
    assert {each.table for each in foot.all}.isdisjoint({"*", *SCHEMA.tables})


FILE = replace(SCHEMA, there=frozenset({"table r", "index by v", "journal_mode wal"}))


@pytest.mark.parametrize(
    ("sql", "may_idle"),
    [
        ("CREATE TABLE IF NOT EXISTS R (id INTEGER)", False),
        ("/* all */ create table if not exists main.`r` as select 1;", False),
        ('CREATE UNIQUE INDEX IF NOT EXISTS "by v" ON r (v)', False),
        ("PRAGMA journal_mode = 'WAL'", True),
        ("PRAGMA main.journal_mode(wal);", True),
    ],
)
def test_what_makes_what_is_there_asks_for_it(sql: str, may_idle: bool) -> None:  # noqa: FBT001
    foot = Reader(FILE, "sqlite").read(replace(call(sql), schema=True))
    assert (foot.reads, foot.all, foot.wild, foot.may_idle) == (foot.reads, foot.reads, False, may_idle)
    assert {each.table for each in foot.reads} == {"sqlite_master"}


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE r (id INTEGER)",
        "CREATE TABLE IF NOT EXISTS n (id INTEGER)",
        "CREATE TABLE IF NOT EXISTS other.r (id INTEGER)",
        "CREATE TEMP TABLE IF NOT EXISTS r (id INTEGER)",
        "CREATE VIEW IF NOT EXISTS r AS SELECT 1",
        "CREATE TABLE IF NOT EXISTS r (id INTEGER); DROP TABLE n",
        "PRAGMA journal_mode = delete",
        "PRAGMA other.journal_mode = wal",
    ],
)
def test_what_makes_something_else_ends_the_reduction(sql: str) -> None:
    with pytest.raises(Unfit):
        Reader(FILE, "sqlite").read(replace(call(sql), schema=True))


@pytest.mark.parametrize(
    ("first", "takes"),
    [
        ("SELECT 1", True),
        ("PRAGMA journal_mode", True),
        ("PRAGMA journal_mode = wal", True),
        ("PRAGMA user_version", False),
        ("CREATE TABLE IF NOT EXISTS r (id INTEGER)", False),
    ],
)
def test_a_transaction_of_sqlite_begins_to_see_rows_with_the_first_page(first: str, takes: bool) -> None:  # noqa: FBT001
    """Measured: with a COMMIT of somebody else between the two, the query sees it, or does not."""
    made = (call("BEGIN", kind=Kind.BEGIN), call(first), call("SELECT v FROM r WHERE id = 1"))
    assert (last_part_of(*made).snapshot is not None) is takes


def last_part_of(*made: Call) -> Part:
    """What the last of some Calls does that one caller makes in SQLite's WAL mode."""
    follower = Follower(SQLITE_WAL, Reader(FILE, "sqlite"), Learnt(), Keys(frozenset()), Levels("wal"))
    follower.begin()
    for each in made:
        follower.choosing(("A",))
        follower.turn(Turn("A", each, events=(Event(each, Reply("ok")),)))
    assert follower.unfit == ""
    return follower.steps[-1].parts[0]


@pytest.mark.parametrize("setting", ["PRAGMA foreign_keys = 1", "PRAGMA busy_timeout = 5000"])
def test_a_transaction_of_sqlite_waits_with_its_first_statement_only(setting: str) -> None:
    """Where it may hold what it has read, it is refused at once."""
    begin, aside, write = call("BEGIN", kind=Kind.BEGIN), call(setting), call("UPDATE r SET v = 1 WHERE id = 1")
    assert last_part_of(aside, begin, write).awaits == {WRITER}
    assert last_part_of(begin, aside, write).awaits == frozenset()


@pytest.mark.parametrize(
    ("sql", "engine"),
    [
        ("SHOW CREATE TABLE r", "mariadb"),
        ("SHOW PROCESSLIST", "mariadb"),
        ("SELECT v FROM r WHERE id = 1 /*! FOR UPDATE */", "mariadb"),
        ("SELECT v FROM r WHERE v = 'order %s' AND id = %s", "mariadb"),
        ("SELECT v FROM r WHERE v IN n", "sqlite"),
        ("SELECT seq FROM sqlite_sequence", "sqlite"),
        ("PRAGMA journal_mode=WAL", "sqlite"),
        ("PRAGMA busy_timeout = 0", "sqlite"),
        ("PRAGMA busy_timeout = 9999999999", "sqlite"),  # which SQLite takes for 0
        ("PRAGMA user_version = 7", "sqlite"),
        ("PRAGMA page_count", "sqlite"),
        ("PRAGMA wal_checkpoint", "sqlite"),
        ("SELECT name FROM sqlite_master", "mariadb"),
        ("SELECT state FROM pg_stat_activity", "postgresql"),
        ("SELECT reltuples FROM pg_class, pg_locks", "postgresql"),
        ("SELECT relname FROM other.pg_class", "postgresql"),
        ("SELECT pg_terminate_backend(1) FROM pg_class", "postgresql"),
        ("SELECT table_name FROM information_schema.tables", "mariadb"),
        ("UPDATE OR ROLLBACK r SET v = 1 WHERE id = 1", "sqlite"),
        ("UPDATE r SET v = :a WHERE id = ?", "sqlite"),
    ],
)
def test_nor_is_what_tells_more_than_rows(sql: str, engine: str) -> None:
    with pytest.raises(Unfit):
        Reader(SCHEMA, engine).read(call(sql, (7, 1)))


TIMED = [
    "SELECT id FROM r ORDER BY at DESC LIMIT 1",
    "SELECT max(at) FROM r",
    "SELECT id, at AS c FROM r ORDER BY c",
    "SELECT x.id FROM (SELECT id, at AS c FROM r) AS x ORDER BY x.c",
    "SELECT id, at FROM r ORDER BY 2",
    "SELECT count(*) FROM r, n WHERE r.at < n.at",
    "UPDATE r SET v = 1, at = %s WHERE id = 1 AND at < %s",
]
CLOCKED = replace(SCHEMA, times=frozenset({"at"}), clocked=frozenset({"w"}))


@pytest.mark.parametrize("asks", TIMED)
@pytest.mark.parametrize(
    "writes",
    [
        "UPDATE r SET at = CURRENT_TIMESTAMP WHERE id = 1",
        "INSERT INTO w (id) VALUES (1)",
        "SELECT CURRENT_TIMESTAMP",
        None,
    ],
)
def test_where_the_time_is_written_rows_are_not_ordered_by_it(asks: str, writes: str | None) -> None:
    reader = Reader(CLOCKED, "mariadb", asks_time=writes is None)
    if writes is not None:
        reader.read(call(writes))
    with pytest.raises(Unfit, match="by a time"):
        reader.read(call(asks, (1, 1)))
    Reader(CLOCKED, "mariadb").read(call(asks, (1, 1)))
    Reader(CLOCKED, "mariadb", asks_time=True).read(call("UPDATE r SET v = 1 WHERE id = 1 AND at < %s", (1,)))
    Reader(CLOCKED, "mariadb", asks_time=True).read(call("UPDATE r SET at = %s WHERE id = 1 AND v < %s", (1, 1)))
    Reader(CLOCKED, "mariadb", asks_time=True).read(call("SELECT at FROM r WHERE at < %s", (1,)))
    Reader(CLOCKED, "mariadb", asks_time=True).read(call("SELECT v FROM r WHERE id = 1 ORDER BY at"))


@pytest.mark.parametrize(
    ("sql", "params", "may"),
    [
        ("SELECT v FROM r WHERE id IN (NULL) AND (1 != 1)", None, True),
        ("SELECT v FROM r WHERE id = NULL", None, True),
        ("SELECT v FROM r WHERE id = %s", (None,), True),
        ("SELECT v FROM r WHERE v = %s LIMIT %s", (1, 0), True),
        ("SELECT v FROM r LIMIT 0", None, True),
        ("SELECT (SELECT max(v) FROM r)", None, True),
        ("SELECT CASE WHEN v > 9 THEN (SELECT max(v) FROM n) END FROM r WHERE id = 1 FOR UPDATE", None, True),
        ("SELECT v FROM r WHERE v = %s LIMIT %s", (1, 1), False),
        ("SELECT v FROM r WHERE v IS NULL AND name = true", None, False),
        ("SELECT v FROM r WHERE id IN (1, 2)", None, False),
    ],
)
def test_what_may_be_answered_without_a_look_at_a_table(sql: str, params: Any, may: bool) -> None:  # noqa: FBT001 - of a table
    assert Reader(SCHEMA, "mariadb").read(call(sql, params)).may_idle == may


@pytest.mark.parametrize(
    ("sql", "lies"),
    [
        ("SELECT id FROM r WHERE v = 1 LIMIT 1", {"r"}),
        ("SELECT id FROM r ORDER BY v LIMIT 1", {"r"}),
        ("SELECT id FROM r", {"r"}),
        ("UPDATE r SET v = 1 WHERE v = 2", {"r"}),
        ("SELECT v FROM (SELECT v FROM r) AS s", {"r"}),
        ("SELECT r.v FROM r JOIN n ON n.id = r.v WHERE r.id = 1", {"n"}),
        ("SELECT v FROM r WHERE id = (SELECT u FROM n LIMIT 1)", {"r", "n"}),
        ("DELETE FROM r WHERE id = 1 AND v = (SELECT u FROM n WHERE id > 0 LIMIT 1)", {"n"}),
        ("SELECT r.v FROM r JOIN n ON n.u = r.id ORDER BY r.id", {"n"}),
        ("SELECT v AS id FROM r ORDER BY id", {"r"}),
        ("SELECT id, row_number() OVER (ORDER BY v) FROM r ORDER BY id", {"r"}),
        ("SELECT sum(v) OVER (ORDER BY v) FROM r", {"r"}),
        ("SELECT v FROM r WHERE id = 1 AND v IN (SELECT sum(u) OVER (ORDER BY v) FROM n)", {"n"}),
        ("SELECT (SELECT max(u) FROM n WHERE n.id = r.v) FROM r", {"r"}),
        ("SELECT v FROM r WHERE id = 1 UNION ALL (SELECT u FROM n)", {"n"}),
        ("INSERT INTO w (id) (SELECT id FROM r)", {"r"}),
        ("SELECT v FROM r WHERE id = 1 AND v IN (SELECT u FROM n)", set()),
        ("SELECT r.v FROM r ORDER BY r.v, r.id LIMIT 1", set()),
        ("SELECT id FROM r ORDER BY v, id LIMIT 1", set()),
        ("SELECT v FROM r WHERE id = 1", set()),
        ("SELECT sum(v), count(*) FROM r", set()),
        ("SELECT v FROM r WHERE id = 1 AND EXISTS (SELECT 1 FROM n WHERE u = 1)", set()),
    ],
)
def test_who_looks_at_rows_as_they_lie(sql: str, lies: set[str]) -> None:
    """Then all writes to that table meet, and elsewhere only those of one row."""
    reader = Reader(SCHEMA, "postgresql")
    reader.read(call(sql))
    told = {name: reader.read(call(f"UPDATE {name} SET v = 3 WHERE id = 1")).tells for name in ("r", "n")}
    assert {name for name, items in told.items() if items} == lies


@pytest.mark.parametrize(
    ("sql", "params", "engine"),
    [
        ("SELECT v FROM r -- in stock?\nWHERE id = %s AND v < %s", (3, 9), "postgresql"),
        ("SELECT v FROM r /* is it? :x */ WHERE id = ? AND v < ?", (3, 9), "sqlite"),
        ("SELECT v FROM r # which?\nWHERE id = %s AND v < %s", (3, 9), "mariadb"),
        ("SELECT v FROM r WHERE v < ?2 AND id = ?1", (3, 9), "sqlite"),
        ("SELECT v FROM r WHERE v < ?2 AND v > ?1 AND id = ?", (7, 1, 3), "sqlite"),
        ("SELECT v FROM r WHERE v < $2 AND id = $1", (3, 9), "postgresql"),
        ("SELECT v FROM r WHERE v LIKE '50%%' AND id = %s", (3,), "postgresql"),
        ("SELECT v FROM r WHERE v = 'why?' AND id = ?", (3,), "sqlite"),
        ("SELECT v FROM r WHERE id = %(key)s AND v = %(select)s", {"key": 3}, "postgresql"),
        ("SELECT v FROM r WHERE id = %(key)s AND v = %(select)s", {"key": 3}, "mariadb"),
        ("SELECT v FROM r WHERE id = :key AND v = :select", {"key": 3}, "sqlite"),
    ],
)
def test_a_parameter_is_where_the_driver_finds_it(sql: str, params: Any, engine: str) -> None:
    assert Reader(SCHEMA, engine).read(call(sql, params)).reads == items(("r", 3))


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

    params: Callable[[], Any] = staticmethod(lambda: None)

    def __init__(self, **programs: list[str]) -> None:
        self.programs = programs

    def run(self, tree: Tree) -> tuple[str, ...]:
        left = {name: list(calls) for name, calls in self.programs.items()}
        grants: list[str] = []
        while able := tuple(name for name, calls in left.items() if calls):
            name = tree(len(grants), able)
            text = left[name].pop(0)
            made = call(text, self.params(), actor=name, kind=Kind.COMMIT if text == "COMMIT" else Kind.STATEMENT)
            grants.append(name)
            tree.after_turn(Turn(name, made))
        tree.seen()
        return tuple(grants)


def tree_of() -> Tree:
    learnt = Learnt()
    return Tree(
        Follower(
            READ_COMMITTED, Reader(SCHEMA, "postgresql"), learnt, Keys(frozenset(range(9))), Levels("READ COMMITTED")
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
    world = World(**{name: ["UPDATE r SET v = 1 WHERE id = 1", "SELECT count(*) FROM n"] for name in "ABC"})
    tree, orders = tree_of(), Counter[tuple[str, ...]]()
    while tree.has_next():
        grants = world.run(tree)
        orders[tuple(dict.fromkeys(grants))] += 1
    assert orders == dict.fromkeys(permutations("ABC"), 1)
    assert tree.redundant == 0


@pytest.mark.parametrize("before", [1, 2, 5])
def test_a_search_that_begins_again_makes_no_run_twice(before: int) -> None:
    world = World(**{name: ["UPDATE r SET v = 1 WHERE id = 1", "SELECT count(*) FROM n"] for name in "ABC"})
    tree, orders, remembered = tree_of(), Counter[tuple[str, ...]](), 0
    while tree.has_next():
        if tree.remembers():
            remembered += 1
            continue
        tree._learnt.grew = orders.total() == before - 1
        orders[world.run(tree)] += 1
    assert set(orders.values()) == {1}
    assert {tuple(dict.fromkeys(grants)) for grants in orders} == set(permutations("ABC"))
    assert remembered == before


def test_what_is_remembered_has_an_end() -> None:
    """The rows that callers read may be many; a run with too many is forgotten, and others are kept."""
    memory = Memory()
    for chosen, read in (("A", 10), ("B", ROWS_MAX), ("C", 20)):
        memory.begin()
        memory.choose(("A", "B", "C"), chosen)
        answered = Event(call("SELECT v FROM r"), Reply("ok", rows=[(1,)] * read))
        memory.turn(Turn(chosen, answered.call, events=(answered,)))
        memory.keep()
    assert [memory.like((each,)) is not None for each in "ABC"] == [True, False, True]


@pytest.mark.parametrize("drawn", [uuid4, lambda: "1e0e2a3c-1b2d-4c5d-8e9f-0a1b2c3d4e5f"], ids=["anew", "seeded"])
def test_a_random_key_comes_again_only_in_a_run_that_is_remembered(drawn: Callable[[], object]) -> None:
    world = World(**{name: ["UPDATE r SET v = 1 WHERE id = %s", "SELECT count(*) FROM n"] for name in "AB"})
    world.params = lambda: (str(drawn()),)
    tree, runs, remembered = tree_of(), 0, 0
    tree._learnt.grew = True
    while tree.has_next():
        if tree.remembers():
            remembered += 1
        else:
            world.run(tree)
            runs += 1
    assert (remembered, tree.unfit) == (1, "" if drawn is uuid4 else "a key that looks random comes again")
    assert runs == 2


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
        tree._follower.turn(Turn(name, call(left[name].pop(0), actor=name)))
    assert "".join(with_fewest_switches(tree.steps, READ_COMMITTED.depends)) in {"AAABBB", "BBBAAA"}


@pytest.mark.parametrize(
    ("engine", "sql", "changed", "shares"),
    [
        ("postgresql", "UPDATE n SET u = 1 WHERE id = 1", items(("n", 1)), items(("r:key", ALL))),
        ("postgresql", "UPDATE n SET u = 1 WHERE u = 1", items(("n", 1)), items(("r:key", ALL))),
        ("postgresql", "UPDATE n SET u = 1 WHERE id = 1", items(("n", 2), ("r", 1)), ()),
        ("postgresql", "DELETE FROM n WHERE id = 1", items(("n", 1)), ()),
        ("mariadb", "UPDATE n SET u = 1 WHERE id = 1", items(("n", 1)), ()),
    ],
)
def test_a_row_that_is_changed_again_looks_up_its_parent(engine: str, sql: str, changed: Items, shares: Items) -> None:
    reader = Reader(SCHEMA, engine)
    foot = reader.again(reader.read(call(sql)), changed)
    assert foot.shares == frozenset(shares)
    assert not (foot.exact and shares)


@pytest.mark.parametrize(
    ("sql", "changes"),
    [
        ("UPDATE r SET v = 1", True),
        ("INSERT INTO r (id) VALUES (1)", False),
        ("DELETE FROM r WHERE id = 1", True),
        ("DELETE FROM n WHERE id = 1", False),
        ("INSERT INTO r (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 2", True),
        ("SELECT v FROM r WHERE id = 1 FOR UPDATE", False),
    ],
)
def test_what_changes_rows_that_are_there(sql: str, changes: bool) -> None:  # noqa: FBT001 - of a table
    assert Reader(SCHEMA, "postgresql").read(call(sql)).changes is changes
