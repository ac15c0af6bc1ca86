"""The rows that an upsert finds by its key, and the columns to which it gives values of the program's own."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.analysis.touched import Assigned
from acidity.analysis.upserted import assigned_by_upsert, upserted_by
from acidity.core.call import Call, Kind, Writes

COLUMNS = ("id", "v", "n")


def found(sql: str, params: Any = None, *, many: bool = False) -> list[tuple[str, Any]]:
    call = Call("A", 1, Kind.STATEMENT, sql, params, many=many, writes=Writes.YES)
    return [(query.sql, query.params) for query in upserted_by(call, COLUMNS, ("id",))]


@pytest.mark.parametrize(
    ("sql", "params", "query", "kept"),
    [
        ("INSERT INTO t (v, id) VALUES (? + 1, ?) ON CONFLICT (id) DO UPDATE SET v = excluded.v", (7, 3), "SELECT * FROM t WHERE id = ?", (3,)),
        ("INSERT INTO t (id, v) VALUES (%(id)s, %(v)s) ON DUPLICATE KEY UPDATE v = VALUES(v)", {"id": 3, "v": 7}, "SELECT * FROM t WHERE id = %(id)s", {"id": 3}),
        ("REPLACE INTO `my t` (id, v) VALUES (%s, %s)", (3, 7), "SELECT * FROM `my t` WHERE id = %s", (3,)),
        ("INSERT OR REPLACE INTO t VALUES (3, ?, ?)", (7, 8), "SELECT * FROM t WHERE id = 3", ()),
        ('INSERT INTO "s"."t" AS x (v, n) VALUES (:v, -1) ON CONFLICT (n) DO UPDATE SET v = x.v + excluded.v', {"v": 7}, 'SELECT * FROM "s"."t" WHERE n = -1', ()),
    ],
)  # fmt: skip
def test_the_key_is_asked(sql: str, params: Any, query: str, kept: Any) -> None:
    assert found(sql, params) == [(query, kept)]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t (id, v) VALUES (1, 2)",
        "INSERT INTO t (id, v) VALUES (1, 2) ON CONFLICT DO NOTHING",
        "INSERT INTO t (id, v) VALUES (1, 2) ON CONFLICT (lower(n)) DO UPDATE SET v = 2",
        "INSERT INTO t (id, v) VALUES (1, 2) ON CONFLICT ON CONSTRAINT k DO UPDATE SET v = 2",
        "INSERT INTO t (id, v) SELECT 1, 2 FROM u WHERE true ON CONFLICT (id) DO UPDATE SET v = 2",
        "INSERT INTO t (id, v) VALUES (nextval('s'), 2) ON CONFLICT (id) DO UPDATE SET v = 2",
        "REPLACE INTO t (v) VALUES (2)",
        "UPDATE t SET v = replace(v, 'a', 'b') WHERE id = 1",
    ],
)
def test_of_other_texts_nothing_is_said(sql: str) -> None:
    assert found(sql) == []


def test_each_row_and_each_set_of_parameters_is_asked() -> None:
    rows = "INSERT INTO t (id, v) VALUES (?, ?), (?, ?) ON CONFLICT (id) DO UPDATE SET v = excluded.v"
    assert [params for _, params in found(rows, (1, 7, 2, 8))] == [(1,), (2,)]
    assert [params for _, params in found("REPLACE INTO t (id, v) VALUES (?, ?)", [(1, 7), (2, 8)], many=True)] == [
        (1,),
        (2,),
    ]


def test_what_the_row_was_to_be_is_blind_and_what_it_was_is_not() -> None:
    sets = (
        "INSERT INTO t (id, v, n) VALUES (1, 2, 3) ON CONFLICT (id) DO UPDATE SET v = excluded.v, n = t.n + excluded.n"
    )
    assert assigned_by_upsert(sets, COLUMNS) == Assigned(frozenset("vn"), frozenset("v"))
    sets = "INSERT INTO t (id, v, n) VALUES (1, 2, 3) ON DUPLICATE KEY UPDATE v = VALUES(v), n = n + VALUES(n)"
    assert assigned_by_upsert(sets, COLUMNS) == Assigned(frozenset("vn"), frozenset("v"))
    assert assigned_by_upsert("REPLACE INTO t VALUES (1, 2, 3)", COLUMNS) == Assigned(
        frozenset(COLUMNS), frozenset(COLUMNS)
    )
    assert assigned_by_upsert("INSERT INTO t VALUES (1, 2, 3)", COLUMNS) is None
