"""The rows that an upsert finds by the keys that it may meet on, and what it does with them."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.analysis.touched import Act, Assigned, Touched
from acidity.analysis.upserted import upserted_by
from tests.unit.known_tables import KnownTables, write


def upserted(engine: str, sql: str, params: Any = None, *, many: bool = False) -> tuple[Touched, ...]:
    return upserted_by(write(sql, params, many=many), engine, KnownTables())


@pytest.mark.parametrize(
    ("engine", "sql", "params", "query", "kept"),
    [
        ("sqlite", "INSERT INTO t (v, id) VALUES (? + 1, ?) ON CONFLICT (id) DO UPDATE SET v = excluded.v", (7, 3), 'SELECT * FROM t WHERE "id" = ?', (3,)),
        ("mariadb", "INSERT INTO t (id, v) VALUES (%(id)s, %(v)s) ON DUPLICATE KEY UPDATE v = VALUES(v)", {"id": 3, "v": 7}, "SELECT * FROM t WHERE `id` = %(id)s", {"id": 3}),
        ("mariadb", "REPLACE INTO `t` (id, v) VALUES (%s, %s)", (3, 7), "SELECT * FROM `t` WHERE `id` = %s", (3,)),
        ("mariadb", "REPLACE t SET id = %s, v = %s", (3, 7), "SELECT * FROM t WHERE `id` = %s", (3,)),
        ("sqlite", "INSERT OR REPLACE INTO t VALUES (3, ?, ?)", (7, 8), 'SELECT * FROM t WHERE "id" = 3', ()),
        ("postgresql", 'INSERT INTO "s"."t" AS x (v, n) VALUES (%(v)s, -1) ON CONFLICT (n) DO UPDATE SET v = x.v + excluded.v', {"v": 7}, 'SELECT * FROM "s"."t" AS x WHERE "n" = -1', {}),
        ("postgresql", 'INSERT INTO odd ("K", v) VALUES (%s, 1) ON CONFLICT ("K") DO UPDATE SET v = 2', (7,), 'SELECT * FROM odd WHERE "K" = %s', (7,)),
        ("mariadb", "INSERT INTO codes (code, v) VALUES (%s, %s) ON DUPLICATE KEY UPDATE v = 2", (7, 8), "SELECT * FROM codes WHERE `code` = %s", (7,)),
        ("mariadb", "INSERT INTO codes VALUES (%s, %s, 1) ON DUPLICATE KEY UPDATE v = 2", (7, 8), "SELECT * FROM codes WHERE `id` = %s OR `code` = %s", (7, 8)),
        ("mariadb", "REPLACE INTO codes (id, code) VALUES (DEFAULT, 7)", None, "SELECT * FROM codes WHERE `code` = 7", None),
        ("mariadb", "INSERT IGNORE INTO codes (code) VALUES (%s)", (7,), "SELECT * FROM codes WHERE `code` = %s", (7,)),
        ("sqlite", "INSERT INTO codes (id, code) VALUES (1, 7) ON CONFLICT DO UPDATE SET v = 2", None, 'SELECT * FROM codes WHERE "id" = 1 OR "code" = 7', None),
        ("postgresql", "INSERT INTO codes (id, code) VALUES (1, 7) ON CONFLICT ON CONSTRAINT k DO UPDATE SET v = 2", None, 'SELECT * FROM codes WHERE "code" = 7', None),
        ("postgresql", "INSERT INTO codes (id, code, v) VALUES (1, 7, %s) ON CONFLICT (code) DO UPDATE SET v = excluded.v WHERE codes.v < excluded.v", (5,), 'SELECT * FROM codes WHERE "code" = 7 AND codes.v < %s', (5,)),
        ("postgresql", "WITH x AS (SELECT %s), w AS (INSERT INTO t (id, v) VALUES (%s, 1) ON CONFLICT (id) DO UPDATE SET v = 1) SELECT 1", (1, 2), 'WITH x AS (SELECT %s) SELECT * FROM t WHERE "id" = %s', (1, 2)),
    ],
)  # fmt: skip
def test_the_keys_are_asked(engine: str, sql: str, params: Any, query: str, kept: Any) -> None:
    (found,) = upserted(engine, sql, params)
    assert (found.rows.sql, found.rows.params) == (query, kept)


@pytest.mark.parametrize(
    ("engine", "sql"),
    [
        ("sqlite", "INSERT INTO t (id, v) VALUES (1, 2)"),
        ("sqlite", "INSERT INTO other (id, v) VALUES (1, 2) ON CONFLICT DO NOTHING"),
        ("sqlite", "INSERT OR ROLLBACK INTO t (id, v) VALUES (1, 2)"),
        ("sqlite", "INSERT INTO t (id, v) VALUES (1, 2) ON CONFLICT (lower(n)) DO UPDATE SET v = 2"),
        ("postgresql", "INSERT INTO t (id, v) VALUES (1, 2) ON CONFLICT (id) WHERE v > 1 DO UPDATE SET v = 2"),
        ("postgresql", "INSERT INTO t (id, v) VALUES (1, 2) ON CONFLICT ON CONSTRAINT other DO UPDATE SET v = 2"),
        ("sqlite", "INSERT INTO t SELECT * FROM u WHERE true ON CONFLICT (id) DO UPDATE SET v = 2"),
        ("sqlite", "INSERT INTO t (id, v) SELECT 1, 2 UNION SELECT 3, 4 ON CONFLICT (id) DO UPDATE SET v = 2"),
        ("mariadb", "INSERT INTO t (id, v) SELECT nextval(s), 2 FROM u ON DUPLICATE KEY UPDATE v = 2"),
        ("postgresql", "INSERT INTO t (id, v) VALUES (nextval('s'), 2) ON CONFLICT (id) DO UPDATE SET v = 2"),
        ("postgresql", "INSERT INTO t (id, v) VALUES ((SELECT max(id) FROM u), 2) ON CONFLICT (id) DO NOTHING"),
        ("mariadb", "REPLACE INTO t (v) VALUES (2)"),
        ("mariadb", "UPDATE t SET v = replace(v, 'a', 'b') WHERE id = 1"),
    ],
)
def test_of_other_texts_nothing_is_said(engine: str, sql: str) -> None:
    assert upserted(engine, sql) == ()


def test_rows_that_are_asked_for_are_met_by_what_they_are_then() -> None:
    sql = "INSERT INTO codes (code, v) SELECT n, ? FROM u WHERE id = ? ON CONFLICT (code) DO UPDATE SET v = excluded.v"
    (found,) = upserted("sqlite", sql, (7, 3))
    brought = '(SELECT n AS "code", ? AS "v" FROM u WHERE id = ?) AS "acidity_brought"'
    assert found.rows.sql == (
        f'SELECT "codes".* FROM codes CROSS JOIN {brought} WHERE "codes"."code" = "acidity_brought"."code"'
    )
    assert found.rows.params == (7, 3)
    assert (found.by_key, found.joined, found.others) == (False, True, {"u"})
    assert found.assigned == Assigned(frozenset({"v"}), frozenset({"v"}))


def test_each_row_and_each_set_of_parameters_is_asked() -> None:
    rows = "INSERT INTO t (id, v) VALUES (?, ?), (?, ?) ON CONFLICT (id) DO UPDATE SET v = excluded.v"
    assert [each.rows.params for each in upserted("sqlite", rows, (1, 7, 2, 8))] == [(1,), (2,)]
    found = upserted("sqlite", "REPLACE INTO t (id, v) VALUES (?, ?)", [(1, 7), (2, 8)], many=True)
    assert [each.rows.params for each in found] == [(1,), (2,)]


def test_what_the_row_was_to_be_is_blind_and_what_it_was_is_not() -> None:
    insert = "INSERT INTO t (id, v, n) VALUES (1, 2, 3)"
    for engine, sets in (
        ("sqlite", "ON CONFLICT (id) DO UPDATE SET v = excluded.v, n = t.n + excluded.n"),
        ("mariadb", "ON DUPLICATE KEY UPDATE v = VALUES(v), n = n + VALUE(n)"),
    ):
        (found,) = upserted(engine, f"{insert} {sets}")
        assert (found.act, found.assigned) == (Act.CHANGES, Assigned(frozenset("vn"), frozenset("v")))


def test_what_a_replace_does_not_bring_is_as_in_a_new_row() -> None:
    (found,) = upserted("mariadb", "REPLACE INTO t (id, v) VALUES (1, 2)")
    every = frozenset({"id", "v", "n"})
    assert (found.act, found.assigned, found.single) == (Act.REPLACES, Assigned(every, every), False)
    assert found.by_key


@pytest.mark.parametrize(
    ("engine", "sql"),
    [
        ("sqlite", "INSERT OR IGNORE INTO t (id, v) VALUES (1, 2)"),
        ("mariadb", "INSERT IGNORE INTO t (id, v) VALUES (1, 2)"),
        ("postgresql", "INSERT INTO t (id, v) VALUES (1, 2) ON CONFLICT DO NOTHING"),
    ],
)
def test_one_that_does_nothing_only_looks(engine: str, sql: str) -> None:
    (found,) = upserted(engine, sql)
    assert (found.act, found.assigned) == (Act.LOOKS, Assigned())


def test_one_that_may_meet_on_two_keys_takes_one_row_and_which_is_not_known() -> None:
    update, replace = "ON DUPLICATE KEY UPDATE v = 2", "INSERT INTO codes (id, code) VALUES (1, 7)"
    assert [each.single for each in upserted("mariadb", f"{replace} {update}")] == [True]
    assert [each.single for each in upserted("mariadb", "REPLACE INTO codes (id, code) VALUES (1, 7)")] == [False]
