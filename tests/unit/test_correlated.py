"""The rows that an EXISTS looks for where it speaks of the row outside, asked as a query of its own."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.analysis.correlated import correlated_in
from acidity.core.call import Call, Kind


def asked(sql: str, params: Any = None, engine: str = "sqlite") -> list[tuple[str, Any]]:
    return [(query.sql, query.params) for query in correlated_in(Call("A", 1, Kind.STATEMENT, sql, params), engine)]


FREE = "NOT EXISTS (SELECT 1 FROM b WHERE b.s = t.s AND b.x = ?)"
JOINED = 'SELECT "b".* FROM t CROSS JOIN b WHERE (t.id = ? AND 1 = 1) AND (b.s = t.s AND b.x = ?)'


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT t.id FROM t WHERE t.id = ? AND {FREE} ORDER BY t.id LIMIT 1",
        f"INSERT INTO u (a) SELECT t.id FROM t WHERE t.id = ? AND {FREE}",
        f"UPDATE t SET v = 1 WHERE t.id = ? AND {FREE}",
        f"DELETE FROM t WHERE t.id = ? AND {FREE}",
        f"SELECT EXISTS (SELECT 1 FROM t WHERE t.id = ? AND {FREE})",
    ],
)
def test_it_is_joined_to_the_rows_outside(sql: str) -> None:
    assert asked(sql, (1, 2)) == [(JOINED, (1, 2))]


def test_parameters_follow_their_places() -> None:
    """Of the list only what is needed is asked, and a driver's own names stay."""
    sql = "SELECT %(a)s, EXISTS (SELECT 1 FROM b JOIN c ON c.b = b.id AND c.y = %(c)s WHERE b.s = t.s) FROM t WHERE t.v = %(b)s"
    (found,) = asked(sql, {"a": 1, "b": 2, "c": 3}, "postgresql")
    joined = 'SELECT "b".* FROM t CROSS JOIN b JOIN c ON c.b = b.id AND c.y = %(c)s WHERE t.v = %(b)s'
    assert found == (f"{joined} AND b.s = t.s", {"b": 2, "c": 3})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT EXISTS (SELECT 1 FROM t WHERE t.a = 1)",  # asked as it stands
        "SELECT t.a FROM t WHERE EXISTS (SELECT 1 FROM t AS t WHERE t.a = t.b)",
        "SELECT t.a FROM t WHERE EXISTS (SELECT b.s FROM b WHERE b.s = t.s GROUP BY b.s HAVING count(*) > 1)",
        "SELECT t.a FROM t WHERE EXISTS (SELECT 1 FROM b WHERE b.s = t.s AND nextval('q') > 1)",
        "SELECT a FROM t WHERE b = 'exists ('",
        "SELECT a FROM",
    ],
)
def test_of_other_texts_nothing_is_asked(sql: str) -> None:
    assert asked(sql, engine="postgresql") == []
