"""Which columns of which table a question names, and which rows it goes by in the SELECTs within it."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.analysis.named_columns import columns_in
from acidity.analysis.questions import Query
from acidity.analysis.sub_selects import sub_selects_in

TABLES = {"acct": {"id", "bal"}, "log": {"id", "acct", "bal"}}


@pytest.mark.parametrize(
    ("sql", "acct", "log"),
    [
        ("SELECT (SELECT sum(bal) FROM log WHERE acct = a.id) FROM acct a WHERE id = 1", {"id"}, {"acct", "bal"}),
        ("SELECT (SELECT count(*) FROM log WHERE acct = 1), Bal FROM public.acct", {"bal"}, {"acct"}),
        ("SELECT id FROM acct a WHERE EXISTS (SELECT 1 FROM log WHERE acct = a.id)", {"id"}, {"acct"}),
        ("WITH s AS (SELECT sum(bal) AS id FROM log) SELECT s.id, a.bal FROM s, acct a", {"bal"}, {"bal"}),
        ("SELECT x.bal FROM (SELECT bal FROM acct) x WHERE x.bal > 5", {"bal"}, None),
        ("SELECT id FROM acct JOIN log USING (bal)", {"id", "bal"}, {"id", "bal"}),
        ("SELECT 1 FROM acct NATURAL JOIN log", {"*"}, {"*"}),
        ("SELECT log.* FROM acct, log WHERE acct.id = 1", {"id"}, {"*"}),
        ("SELECT * FROM acct WHERE (SELECT count(*) FROM log) > 1", {"*"}, set()),
        ("SELECT a FROM acct a", {"*"}, None),
        ("SELECT bal FROM acct UNION SELECT id FROM log", {"bal"}, {"id"}),
    ],
)
def test_a_column_is_of_the_table_that_sql_takes_it_from(sql: str, acct: set[str], log: set[str] | None) -> None:
    named = columns_in(sql, "postgresql", TABLES)
    assert named is not None
    assert named.get("acct") == acct
    assert named.get("log") == log


@pytest.mark.parametrize(
    ("sql", "params", "asked", "loose"),
    [
        ("SELECT (SELECT sum(b) FROM u WHERE c = %s) FROM t WHERE a = %s", (1, 2), [('SELECT "u".* FROM u WHERE c = %s', (1,), "u")], set()),
        ("SELECT (SELECT sum(b) FROM u WHERE u.c = t.a) FROM t WHERE t.a = %s", (2,), [('SELECT "u".* FROM t CROSS JOIN u WHERE t.a = %s AND u.c = t.a', (2,), "u")], set()),
        ("SELECT EXISTS (SELECT 1 FROM u x JOIN w ON w.a = x.a)", None, [('SELECT "x".* FROM u AS x JOIN w ON w.a = x.a', None, "u")], {"w"}),
        ("SELECT (SELECT b FROM u WHERE u.c = t.a LIMIT 1) FROM t", None, [], {"u"}),
        ("WITH x AS (SELECT b FROM u WHERE c = %(c)s) SELECT b FROM x, t", {"c": 1, "d": 2}, [('SELECT "u".* FROM u WHERE c = %(c)s', {"c": 1}, "u")], {"x", "t"}),
        ("SELECT (SELECT charge(b) FROM u) FROM t", None, [('SELECT "u".* FROM u', None, "u")], set()),
        ("SELECT (SELECT 1 FROM u WHERE charge(b)) FROM t", None, [], {"u"}),
        ("SELECT a FROM t WHERE b = (SELECT max(b) FROM u)", None, [], set()),
        ("SELECT a FROM t UNION SELECT (SELECT b FROM u)", None, [], set()),
        ("SELECT 1", None, [], set()),
        ("VALUES (1)", None, [], set()),
    ],
)  # fmt: skip
def test_the_rows_of_what_stands_in_a_list_or_a_with(
    sql: str, params: Any, asked: list[tuple[str, Any, str]], loose: set[str]
) -> None:
    found = sub_selects_in(Query(sql, params), "postgresql")
    assert [(each.sql, each.params, each.table) for each in found.asked] == asked
    assert found.loose == loose
