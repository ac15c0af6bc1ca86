"""What a statement looks for without saying which rows it found, asked as a query of its own."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.analysis.questions import question_of
from acidity.analysis.scanned import rows_behind, scanned_by
from acidity.core.call import Call, Kind


def scanned(sql: str, params: Any = None, *, many: bool = False) -> list[tuple[str, Any]]:
    return [(query.sql, query.params) for query in scanned_by(Call("A", 1, Kind.STATEMENT, sql, params, many=many))]


@pytest.mark.parametrize(
    ("sql", "params", "found"),
    [
        ("SELECT EXISTS (SELECT 1 FROM t WHERE a = ?)", (1,), [("SELECT 1 FROM t WHERE a = ?", (1,))]),
        ("SELECT ? FROM u WHERE b = ? AND NOT EXISTS(SELECT a FROM t WHERE a = ?)", (1, 2, 3), [("SELECT a FROM t WHERE a = ?", (3,))]),
        ("INSERT INTO t (a) SELECT %s WHERE NOT EXISTS (SELECT 1 FROM t WHERE a = %s)", (1, 2), [("SELECT 1 FROM t WHERE a = %s", (2,)), ("SELECT %s WHERE NOT EXISTS (SELECT 1 FROM t WHERE a = %s)", (1, 2))]),
        ("SELECT EXISTS (SELECT 1 FROM t WHERE a = %(a)s) AS x", {"a": 1, "b": 2}, [("SELECT 1 FROM t WHERE a = %(a)s", {"a": 1})]),
        ("SELECT EXISTS (SELECT 1 FROM t WHERE a = ?), EXISTS (SELECT 2 FROM t WHERE a = ?)", (1, 2), [("SELECT 1 FROM t WHERE a = ?", (1,)), ("SELECT 2 FROM t WHERE a = ?", (2,))]),
        ("SELECT EXISTS (SELECT 1 FROM t FOR UPDATE)", None, [("SELECT 1 FROM t", None)]),
        ("INSERT INTO t (a, b) SELECT ?, sum(b) FROM u", (7,), [("SELECT ?, sum(b) FROM u", (7,))]),
        ("INSERT INTO t (a) WITH x AS (SELECT ? AS a) SELECT a FROM x", (7,), [("WITH x AS (SELECT ? AS a) SELECT a FROM x", (7,))]),
        ("WITH x AS (SELECT ? AS a) INSERT INTO t (a) SELECT a + ? FROM x", (7, 8), [("WITH x AS (SELECT ? AS a) SELECT a + ? FROM x", (7, 8))]),
        ("INSERT INTO t SELECT a FROM u WHERE b = ? ON CONFLICT (a) DO UPDATE SET a = ?", (1, 2), [("SELECT a FROM u WHERE b = ? ", (1,))]),
        ("INSERT INTO t SELECT a FROM u JOIN w ON w.a = u.a ON DUPLICATE KEY UPDATE b = 1", None, [("SELECT a FROM u JOIN w ON w.a = u.a ", None)]),
        ("INSERT INTO t SELECT a FROM u RETURNING a", None, [("SELECT a FROM u ", None)]),
        ("SELECT coalesce(max(a), ?) + 1 FROM t WHERE b = ?", (1, 2), [("SELECT * FROM t WHERE b = ?", (2,))]),
        ("SELECT MIN(a) AS x FROM t JOIN u ON u.id = t.id FOR UPDATE", None, [("SELECT * FROM t JOIN u ON u.id = t.id", None)]),
        ("SELECT max(a) FROM t WHERE b = %(b)s", {"b": 1, "c": 2}, [("SELECT * FROM t WHERE b = %(b)s", {"b": 1})]),
        ("INSERT INTO t (a, b) SELECT %s, max(b) + 1 FROM u WHERE c = %s", (7, 8), [("SELECT %s, max(b) + 1 FROM u WHERE c = %s", (7, 8)), ("SELECT * FROM u WHERE c = %s", (8,))]),
        ("CREATE TEMPORARY TABLE x AS SELECT b FROM u", None, [("SELECT b FROM u", None)]),
        ("WITH x AS (SELECT a FROM t WHERE b = ?) SELECT min(a) FROM x WHERE a > ?", (1, 2), [("WITH x AS (SELECT a FROM t WHERE b = ?) SELECT * FROM x WHERE a > ?", (1, 2))]),
        ("WITH x AS (SELECT a FROM t) SELECT 1 WHERE EXISTS (SELECT 1 FROM x)", None, [("WITH x AS (SELECT a FROM t) SELECT 1 FROM x", None)]),
        ("WITH x AS (SELECT a FROM t WHERE b = %(b)s) SELECT count(*) > %(n)s FROM x", {"b": 1, "n": 2}, [("WITH x AS (SELECT a FROM t WHERE b = %(b)s) SELECT * FROM x", {"b": 1})]),
    ],
)  # fmt: skip
def test_it_is_asked(sql: str, params: Any, found: list[tuple[str, Any]]) -> None:
    assert scanned(sql, params) == found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t WHERE b = 'exists (select 1)'",
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 1 WHERE EXISTS (SELECT 1 FROM u)",
        "UPDATE t SET a = (SELECT nextval('s'))",
        "UPDATE t SET a = b FROM (SELECT b FROM u) AS s WHERE c = s.c",
        "WITH x AS (DELETE FROM u RETURNING a) INSERT INTO t SELECT a FROM x",
        "WITH x AS (DELETE FROM u RETURNING a) UPDATE t SET a = (SELECT a FROM x)",
        "WITH x AS (DELETE FROM u RETURNING a) SELECT max(a) FROM x",
        "WITH x AS (SELECT nextval('s') AS a) SELECT max(a) FROM x",
        "WITH x AS (SELECT a FROM t) SELECT a FROM x",
        "INSERT INTO t SELECT nextval('s')",
        "INSERT INTO t SELECT 1 WHERE EXISTS (SELECT charge(1))",
        "SELECT EXISTS (SELECT pg_sleep(1))",
        "SELECT a FROM t WHERE b = (SELECT max(b) FROM t)",
        "SELECT a, max(b) FROM t GROUP BY a",
        "SELECT max(a) FROM t UNION SELECT 1",
        "SELECT 'max' FROM t",
    ],
)
def test_of_other_texts_nothing_is_asked(sql: str) -> None:
    assert scanned(sql) == []


def test_what_a_sum_of_0_is_of_is_asked() -> None:
    """With others it may be 0 as well."""
    call = Call("A", 1, Kind.STATEMENT, "SELECT coalesce(sum(a), ?) FROM t WHERE b = ?", (0, 7))
    assert [(each.sql, each.params) for each in scanned_by(call, sums=True)] == [("SELECT * FROM t WHERE b = ?", (7,))]
    assert scanned_by(call) == ()


def test_many_at_once_are_not_asked() -> None:
    assert scanned("INSERT INTO t SELECT ? WHERE NOT EXISTS (SELECT 1 FROM t)", [(1,), (2,)], many=True) == []


@pytest.mark.parametrize(
    ("sql", "params", "asked"),
    [
        ("SELECT a FROM t WHERE id = ?", (1,), ("SELECT * FROM t WHERE id = ?", (1,))),
        ("SELECT ?, sum(a) FROM t WHERE id < ? FOR UPDATE", (1, 2), ("SELECT * FROM t WHERE id < ?", (2,))),
        ("SELECT a FROM t AS x WHERE id IN (SELECT b FROM u WHERE c = %s) LIMIT %s", (1, 2), ("SELECT * FROM t AS x WHERE id IN (SELECT b FROM u WHERE c = %s) LIMIT %s", (1, 2))),
        ("SELECT a FROM t WHERE id = %(i)s", {"i": 1, "j": 2}, ("SELECT * FROM t WHERE id = %(i)s", {"i": 1})),
        ("SELECT a, count(*) FROM t GROUP BY a", None, None),
        ("SELECT a FROM t UNION SELECT b FROM u", None, None),
        ("WITH x AS (SELECT 1) SELECT * FROM x", None, None),
        ("SELECT 1", None, None),
        ("UPDATE t SET a = 1", None, None),
        ("SELECT pg_advisory_lock(1) FROM t", None, None),
    ],
)  # fmt: skip
def test_the_rows_that_a_question_goes_by(sql: str, params: Any, asked: tuple[str, Any] | None) -> None:
    question = question_of(Call("A", 1, Kind.STATEMENT, sql, params))
    query = question and rows_behind(question)
    assert (query and (query.sql, query.params)) == asked
