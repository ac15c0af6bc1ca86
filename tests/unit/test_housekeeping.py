"""What a pool may ask of its connections by itself, so that nobody notices."""

from __future__ import annotations

import pytest

from acidity.core.call import Kind
from acidity.engines.housekeeping import is_housekeeping

TYPES = """
SELECT t.typname AS name, t.oid, coalesce(a.fnames, '{}') AS field_names FROM pg_type t LEFT JOIN (
  SELECT x.attrelid, array_agg(x.attname) AS fnames FROM pg_catalog.pg_attribute x JOIN pg_type y ON y.typrelid = x.attrelid
  WHERE x.attnum > 0 GROUP BY x.attrelid) a ON a.attrelid = t.typrelid WHERE t.oid = to_regtype(%(name)s)
"""


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT 1",
        "SET search_path TO app; SET timezone = 'UTC'",
        "SELECT set_config('a.b', 'c', false)",
        "RESET ALL",
        "SHOW server_version",
        "BEGIN; SET ROLE app; COMMIT",
        "SELECT a, b FROM pg_type, pg_class",
        TYPES,
    ],
)
def test_it_sets_the_session_or_asks_what_there_is(sql: str) -> None:
    assert is_housekeeping("postgresql", Kind.STATEMENT, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT n FROM t",
        "SELECT a FROM pg_type, t",
        "SELECT a FROM pg_type JOIN t ON true",
        "UPDATE pg_type SET a = 1",
        "SELECT a FROM pg_type, (SELECT b FROM t) s",
        "SELECT nextval('s')",
        "SELECT pg_advisory_lock(1)",
        "LISTEN x",
        "SET a = 1; DELETE FROM t",
        "SELECT f()",
        "CREATE TABLE t (id int)",
        "WITH x AS (SELECT n FROM t) SELECT 1",
        "SELECT set_config('a.b', n, false) FROM t",
        "CALL p()",
        "SELECT 1 FROM t FOR UPDATE",
        'SELECT 1 FROM "t"',
    ],
)
def test_whoever_looks_at_rows_does_more(sql: str) -> None:
    assert not is_housekeeping("postgresql", Kind.STATEMENT, sql)


def test_of_what_is_no_text_only_the_ends_of_transactions_are() -> None:
    assert is_housekeeping("postgresql", Kind.COMMIT, "")
    assert not is_housekeeping("postgresql", Kind.PREPARE, "")
