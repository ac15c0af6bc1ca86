"""The rows that a write touches, and what it takes of others, as queries with its condition; the columns it gives."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.analysis.dependencies import is_named
from acidity.analysis.parts import asked_beside
from acidity.analysis.touched import Act, Assigned, Touched, touched_by
from tests.unit.known_tables import KnownTables, write


def touched(engine: str, sql: str, params: Any = None, *, many: bool = False) -> tuple[Touched, ...]:
    return touched_by(write(sql, params, many=many), engine, KnownTables())


@pytest.mark.parametrize(
    ("engine", "sql", "params", "query", "kept"),
    [
        ("sqlite", "UPDATE t SET v=?, n=? WHERE t.id = ?", (1, 2, 3), "SELECT * FROM t WHERE t.id = ?", (3,)),
        ("postgresql", "update t set v=%s where id = %s returning v", (1, 3), "SELECT * FROM t WHERE id = %s", (3,)),
        ("sqlite", 'DELETE FROM "my t" WHERE x = ? AND y = ?', (1, 2), 'SELECT * FROM "my t" WHERE x = ? AND y = ?', (1, 2)),
        ("mariadb", "DELETE FROM `my t` WHERE x = %s", (1,), "SELECT * FROM `my t` WHERE x = %s", (1,)),
        ("sqlite", "UPDATE t SET v='where ?' WHERE id = ?", (3,), "SELECT * FROM t WHERE id = ?", (3,)),
        ("sqlite", "UPDATE t SET v=:v WHERE id = :id", {"v": 1, "id": 3}, "SELECT * FROM t WHERE id = :id", {"id": 3}),
        ("postgresql", "UPDATE t SET v=%(v)s WHERE id = %(s)s", {"v": 1, "s": 3}, "SELECT * FROM t WHERE id = %(s)s", {"s": 3}),
        ("postgresql", "UPDATE t SET v = n %% %s WHERE n %% 2 = 1 AND v LIKE 'a%%'", (5,), "SELECT * FROM t WHERE n %% 2 = 1 AND v LIKE 'a%%'", ()),
        ("sqlite", "UPDATE t SET v = 1", None, "SELECT * FROM t", None),
        ("mariadb", "DELETE LOW_PRIORITY FROM t WHERE n = 1 ORDER BY v LIMIT ?", (2,), "SELECT * FROM t WHERE n = 1 ORDER BY v LIMIT ?", (2,)),
        ("postgresql", "WITH x AS (SELECT %s AS a) UPDATE t SET v=%s WHERE id = %s", (1, 2, 3), "WITH x AS (SELECT %s AS a) SELECT * FROM t WHERE id = %s", (1, 3)),
        ("postgresql", "WITH w AS (UPDATE t SET v=%s WHERE id = %s RETURNING v) SELECT v FROM w", (1, 3), "SELECT * FROM t WHERE id = %s", (3,)),
        ("postgresql", "UPDATE t SET v = u.v FROM u WHERE u.id = t.id AND u.n = %s", (3,), "SELECT t.* FROM u CROSS JOIN t WHERE u.id = t.id AND u.n = %s", (3,)),
        ("sqlite", "UPDATE t AS x SET v = 1 FROM u JOIN codes c ON c.id = u.id WHERE u.id = x.id", None, "SELECT x.* FROM u JOIN codes AS c ON c.id = u.id CROSS JOIN t AS x WHERE u.id = x.id", None),
        ("mariadb", "UPDATE t x JOIN u ON u.id = x.id AND u.n = %s SET x.v = %s WHERE x.n = %s", (1, 2, 3), "SELECT x.* FROM t AS x JOIN u ON u.id = x.id AND u.n = %s WHERE x.n = %s", (1, 3)),
        ("mariadb", "UPDATE u, t SET t.v = 1 WHERE u.id = t.id", None, "SELECT t.* FROM u, t WHERE u.id = t.id", None),
        ("mariadb", "UPDATE u JOIN codes c ON u.id = c.id SET code = 1", None, "SELECT c.* FROM u JOIN codes AS c ON u.id = c.id", None),
        ("postgresql", "DELETE FROM t USING u, codes WHERE u.id = t.id", None, "SELECT t.* FROM u, codes CROSS JOIN t WHERE u.id = t.id", None),
        ("mariadb", "DELETE x FROM t x JOIN u ON u.id = x.id", None, "SELECT x.* FROM t AS x JOIN u ON u.id = x.id", None),
        ("mariadb", "DELETE FROM x USING t AS x JOIN u ON u.id = x.id", None, "SELECT x.* FROM t AS x JOIN u ON u.id = x.id", None),
        ("postgresql", "MERGE INTO t USING u ON u.id = t.id WHEN MATCHED AND u.n > %s THEN DELETE", (3,), "SELECT t.* FROM u CROSS JOIN t WHERE (u.id = t.id) AND (u.n > %s)", (3,)),
    ],
)  # fmt: skip
def test_the_condition_is_asked(engine: str, sql: str, params: Any, query: str, kept: Any) -> None:
    (found,) = touched(engine, sql, params)
    assert (found.rows.sql, found.rows.params) == (query, kept)


@pytest.mark.parametrize(
    ("engine", "sql"),
    [
        ("sqlite", "INSERT INTO t VALUES (1)"),
        ("sqlite", "UPDATE other SET v = 1"),
        ("postgresql", "WITH x AS (SELECT charge(1)) DELETE FROM t WHERE v = 2"),
        ("postgresql", "UPDATE t SET v = 1 WHERE id = nextval('s')"),
        ("postgresql", "DELETE FROM t WHERE pg_advisory_lock(1) IS NULL"),
        ("mariadb", "UPDATE t SET v = 1 WHERE id = @chosen"),
        ("mariadb", "UPDATE IGNORE t SET id = 1 WHERE v = 2"),
        ("mariadb", "UPDATE t SET v = 1 WHERE n > RAND()"),
        ("sqlite", "UPDATE OR REPLACE t SET id = 1 WHERE v = 2"),
        ("sqlite", "UPDATE t SET v = 1 WHERE id = 1; UPDATE t SET v = 2 WHERE id = 2"),
    ],
)
def test_of_other_texts_nothing_is_said(engine: str, sql: str) -> None:
    assert touched(engine, sql) == ()


def test_what_names_a_change_in_a_with_is_not_asked() -> None:
    moves = "WITH g AS (DELETE FROM u WHERE n = 1 RETURNING v), h AS (SELECT v FROM g) UPDATE t SET v = h.v FROM h"
    assert [each.rows.sql for each in touched("postgresql", moves)] == ["SELECT * FROM u WHERE n = 1"]


@pytest.mark.parametrize(
    ("engine", "sql", "query"),
    [
        ("postgresql", "UPDATE t SET v = t.v + u.v, n = 3 FROM u WHERE u.id = t.id", "SELECT u.v FROM u CROSS JOIN t WHERE u.id = t.id"),
        ("postgresql", "UPDATE t SET v = s.a FROM (SELECT sum(v) AS a FROM u) s", "SELECT s.a FROM (SELECT SUM(v) AS a FROM u) AS s CROSS JOIN t"),
        ("mariadb", "UPDATE t JOIN u ON u.id = t.id SET t.v = u.v + 1, t.n = u.n", "SELECT u.v, u.n FROM t JOIN u ON u.id = t.id"),
        ("sqlite", "UPDATE t SET v = (SELECT max(v) FROM u WHERE u.id = t.id) * 2 WHERE n = 1", "SELECT (SELECT MAX(v) FROM u WHERE u.id = t.id) FROM t WHERE n = 1"),
        ("sqlite", "UPDATE t SET v = 2 WHERE n = 1 RETURNING (SELECT v FROM u)", "SELECT (SELECT v FROM u) FROM t WHERE n = 1"),
        ("postgresql", "UPDATE t SET (v, n) = (SELECT v, n FROM u) WHERE id = 1", "SELECT (SELECT v, n FROM u) FROM t WHERE id = 1"),
        ("postgresql", "WITH s AS (SELECT v AS a FROM u) UPDATE t SET v = a FROM s", "WITH s AS (SELECT v AS a FROM u) SELECT a FROM s CROSS JOIN t"),
        ("postgresql", "MERGE INTO t USING u ON u.id = t.id WHEN MATCHED THEN UPDATE SET v = u.v", "SELECT u.v FROM u CROSS JOIN t WHERE (u.id = t.id)"),
        ("sqlite", "UPDATE t SET v = v + 1, n = ? WHERE id = 1", None),
        ("sqlite", "UPDATE t SET v = 1 FROM u WHERE u.id = t.id", None),
    ],
)  # fmt: skip
def test_what_it_takes_of_other_rows_is_asked(engine: str, sql: str, query: str | None) -> None:
    (found,) = touched(engine, sql, (1,) if "?" in sql else None)
    assert (found.values and found.values.sql) == query


def test_each_table_that_a_join_changes_is_told_with_its_own_columns() -> None:
    both = touched("mariadb", "UPDATE t JOIN u ON u.id = t.id SET t.v = %s, u.n = t.n", (1,))
    assert [(each.rows.table, each.rows.sql, each.assigned) for each in both] == [
        ("t", "SELECT t.* FROM t JOIN u ON u.id = t.id", Assigned(frozenset("v"), frozenset("v"))),
        ("u", "SELECT u.* FROM t JOIN u ON u.id = t.id", Assigned(frozenset("n"), frozenset("n"))),
    ]
    for sql in ("DELETE t, u FROM t JOIN u ON u.id = t.id", "DELETE FROM t, u USING t JOIN u ON u.id = t.id"):
        assert [each.rows.table for each in touched("mariadb", sql)] == ["t", "u"]


def test_a_merge_takes_each_row_by_the_first_condition_that_holds_and_looks_for_what_it_inserts() -> None:
    sql = (
        "MERGE INTO t USING u ON u.id = t.id WHEN MATCHED AND u.n > 5 THEN DO NOTHING WHEN MATCHED THEN UPDATE SET v = 1"
        " WHEN NOT MATCHED THEN INSERT (id, v) VALUES (u.id, 2)"
    )
    changed, looked = touched("postgresql", sql)
    joined = "SELECT t.* FROM u CROSS JOIN t WHERE (u.id = t.id)"
    assert (changed.rows.sql, changed.act) == (f"{joined} AND (NOT (u.n > 5) IS TRUE)", Act.CHANGES)
    assert (looked.rows.sql, looked.act) == (joined, Act.LOOKS)
    assert looked.values is not None
    assert looked.values.sql == "SELECT u.id FROM u"


@pytest.mark.parametrize(
    ("sql", "joined", "others"),
    [
        ("UPDATE t SET v = 1 WHERE id = 1", False, ""),
        ("UPDATE t SET v = (SELECT 1 FROM u) WHERE id = 1", False, "u"),
        ("UPDATE t SET v = 1 FROM u WHERE u.id = t.id", True, "u"),
        ("UPDATE t SET v = 1 FROM t AS u WHERE u.id = t.n", True, "t"),
        ("DELETE FROM t WHERE v > ALL (SELECT v FROM t)", True, "t"),
    ],
)
def test_it_is_known_whether_its_rows_hang_on_others(sql: str, joined: bool, others: str) -> None:  # noqa: FBT001
    (found,) = touched("postgresql", sql)
    assert (found.joined, found.others) == (joined, frozenset(others))


def test_many_are_asked_one_by_one() -> None:
    found = touched("sqlite", "UPDATE t SET v=? WHERE id = ?", [(1, 3), (2, 4)], many=True)
    assert [each.rows.params for each in found] == [(3,), (4,)]


def test_a_value_that_is_none_of_the_row_itself_is_blind() -> None:
    (found,) = touched("sqlite", "UPDATE t SET v=?, n=n - ?, id=(SELECT max(v) FROM u) WHERE id = ?", (1, 2, 3))
    assert found.assigned == Assigned(frozenset({"v", "n", "id"}), frozenset({"v", "id"}))
    (found,) = touched("sqlite", "DELETE FROM t WHERE id = 1")
    assert found.assigned == Assigned()


@pytest.mark.parametrize(
    ("engine", "sql", "params", "again", "kept"),
    [
        ("postgresql", "DELETE FROM t USING u WHERE u.id = t.id AND u.n < %s", (9,),
         'SELECT t.* FROM u CROSS JOIN (SELECT %s AS "id", %s AS "v" UNION ALL SELECT %s AS "id", %s AS "v") AS t WHERE u.id = t.id AND u.n < %s', (1, 7, 2, 8, 9)),
        ("mariadb", "DELETE x FROM t x JOIN u ON u.id = x.id AND u.n < %(n)s", {"n": 9},
         "SELECT x.* FROM (SELECT %(acidity_p1)s AS `id`, %(acidity_p2)s AS `v` UNION ALL SELECT %(acidity_p3)s AS `id`, %(acidity_p4)s AS `v`) AS x JOIN u ON u.id = x.id AND u.n < %(n)s",
         {"acidity_p1": 1, "acidity_p2": 7, "acidity_p3": 2, "acidity_p4": 8, "n": 9}),
        ("sqlite", "UPDATE t SET v = 1 WHERE id IN (SELECT id FROM u)", None,
         'SELECT * FROM (SELECT ? AS "id", ? AS "v" UNION ALL SELECT ? AS "id", ? AS "v") AS t WHERE id IN (SELECT id FROM u)', (1, 7, 2, 8)),
    ],
)  # fmt: skip
def test_what_it_looked_for_can_be_asked_of_its_rows_as_they_were(
    engine: str, sql: str, params: Any, again: str, kept: Any
) -> None:
    (found,) = touched(engine, sql, params)
    ((query, asked),) = found.as_it_was(("id", "v"), ((1, 7), (2, 8)))
    assert query == found.rows
    assert (asked.sql, asked.params, asked.table) == (again, kept, "t")
    assert list(found.as_it_was(("id", "v"), ())) == []


@pytest.mark.parametrize("before", ["", "\n    ", "-- who\n", "/* of\n the app */ "])
def test_what_stands_in_front_of_a_write_changes_nothing(before: str) -> None:
    assert [each.rows.table for each in touched("sqlite", f"{before}UPDATE t SET v = 1 WHERE id = ?", (1,))] == ["t"]


def test_a_select_that_changes_rows_in_its_with_asks_for_others_all_the_same() -> None:
    def asked(rest: str) -> str | None:
        query = asked_beside(write(f"WITH w AS (DELETE FROM u RETURNING v) {rest}"), "postgresql")
        return query and query.sql

    assert asked("SELECT v FROM t WHERE id = 1") == "SELECT v FROM t WHERE id = 1"
    assert asked("SELECT v FROM w") is None
    assert asked("SELECT t.v FROM t JOIN w ON w.v = t.v") is None
    assert asked("SELECT v FROM t FOR UPDATE") is None
    assert asked("SELECT 1") is None
    assert asked("UPDATE t SET v = 1") is None


@pytest.mark.parametrize(
    ("sql", "asked"),
    [
        ("UPDATE t SET v = ? WHERE id = (SELECT max(id) FROM u WHERE n = ?) AND n = ?", [("SELECT MAX(id) FROM u WHERE n = ?", (8,))]),
        ("DELETE FROM t WHERE id IN (SELECT id FROM u WHERE n IN (SELECT 1)) AND v > ?", [("SELECT id FROM u WHERE n IN (SELECT 1)", ())]),
        ("DELETE FROM t WHERE EXISTS (SELECT 1 FROM u) OR id = (SELECT 2)", [("SELECT 1 FROM u", ()), ("SELECT 2", ())]),
        ("UPDATE t SET v = (SELECT 1 FROM u) WHERE id = ?", []),
    ],
)  # fmt: skip
def test_what_a_condition_asks_by_itself_is_asked_by_itself(sql: str, asked: list[tuple[str, Any]]) -> None:
    (found,) = touched("sqlite", sql, (7, 8, 9))
    assert [(query.sql, query.params) for query in found.inner] == asked


@pytest.mark.parametrize(
    ("table", "text", "named"),
    [
        ("booking", "SELECT count(*) FROM booking", True),
        ("Booking", 'SELECT 1 FROM "s"."Booking"', True),
        ("s.booking", "SELECT 1 FROM booking", True),
        ("my table", 'SELECT 1 FROM "my table"', True),
        ("booking", "SELECT count(*) FROM booking_seats", False),
        ("booking", "SELECT 1 FROM bookings", False),
    ],
)
def test_a_table_is_named_by_its_whole_name(table: str, text: str, *, named: bool) -> None:
    assert is_named(table, text) is named
