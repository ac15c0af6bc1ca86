"""The rows that a write touches, as a query with its condition; the columns that it gives values."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.analysis.touched import Assigned, assigned_by, named, question_of, touched_by
from acidity.core.call import Call, Kind, Writes


def write(sql: str, params: Any = None, *, many: bool = False) -> Call:
    return Call("A", 1, Kind.STATEMENT, sql, params, many=many, writes=Writes.YES)


@pytest.mark.parametrize(
    ("sql", "params", "query", "kept"),
    [
        ("UPDATE t SET a=?, b=? WHERE t.id = ?", (1, 2, 3), "SELECT * FROM t WHERE  t.id = ?", (3,)),
        ("update t set a=%s where id = %s returning a", (1, 3), "SELECT * FROM t WHERE  id = %s ", (3,)),
        ('DELETE FROM "my t" WHERE x = ? AND y = ?', (1, 2), 'SELECT * FROM "my t" WHERE  x = ? AND y = ?', (1, 2)),
        ("UPDATE t SET a=(SELECT max(b) FROM u WHERE c = ?) WHERE id = ?", (7, 3), "SELECT * FROM t WHERE  id = ?", (3,)),
        ("UPDATE t SET a='where ?' WHERE id = ?", (3,), "SELECT * FROM t WHERE  id = ?", (3,)),
        ("WITH x AS (SELECT ? AS n) UPDATE t SET a=? WHERE id = ?", (1, 2, 3), "WITH x AS (SELECT ? AS n) SELECT * FROM t WHERE  id = ?", (1, 3)),
        ("UPDATE t SET a=%(a)s WHERE id = %(id)s", {"a": 1, "id": 3}, "SELECT * FROM t WHERE  id = %(id)s", {"id": 3}),
    ],
)  # fmt: skip
def test_the_condition_is_asked(sql: str, params: Any, query: str, kept: Any) -> None:
    (found,) = touched_by(write(sql, params))
    assert (found.sql, found.params) == (query, kept)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 1",
        "WITH x AS (DELETE FROM u RETURNING a) UPDATE t SET a = 1 WHERE b = 2",
        "WITH x AS (SELECT charge(1)) DELETE FROM t WHERE b = 2",
    ],
)
def test_of_other_texts_nothing_is_said(sql: str) -> None:
    assert touched_by(write(sql)) == ()


def test_many_are_asked_one_by_one() -> None:
    found = touched_by(write("UPDATE t SET a=? WHERE id = ?", [(1, 3), (2, 4)], many=True))
    assert [query.params for query in found] == [(3,), (4,)]


def test_a_query_is_asked_without_its_locks() -> None:
    call = Call("A", 1, Kind.STATEMENT, "SELECT a FROM t WHERE b = ? FOR UPDATE NOWAIT", (1,))
    question = question_of(call)
    assert question is not None
    assert (question.sql, question.params) == ("SELECT a FROM t WHERE b = ?", (1,))
    assert question_of(write("DELETE FROM t")) is None


def test_what_passes_over_locked_rows_is_no_question_to_what_is_committed() -> None:
    asked = "SELECT a FROM t FOR UPDATE SKIP LOCKED"
    assert question_of(Call("A", 1, Kind.STATEMENT, asked, writes=Writes.NO)) is None
    told = "SELECT a FROM t WHERE b = 'skip locked'"
    assert question_of(Call("A", 1, Kind.STATEMENT, told, writes=Writes.NO)) is not None


def test_a_value_of_the_programs_own_is_blind() -> None:
    assert assigned_by("UPDATE t SET a=?, b=b - ?, c=(SELECT max(d) FROM u) WHERE id = ?") == Assigned(
        frozenset("abc"), frozenset("a")
    )
    assert assigned_by("UPDATE t SET a=%(a)s WHERE id = %(id)s").blind == {"a"}
    assert assigned_by("DELETE FROM t").columns == frozenset()


def test_numbers_become_names() -> None:
    (query,) = touched_by(named(write("UPDATE t SET a=$1::INTEGER WHERE id = $2 AND b LIKE 'x%'", (7, 3))))
    assert query.sql == "SELECT * FROM t WHERE  id = %(p2)s AND b LIKE 'x%%'"
    assert query.params == {"p2": 3}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_xact_lock (1) FROM t",
        "SELECT GET_LOCK('x', 10)",
        "SELECT RELEASE_LOCK('x')",
        "select release_all_locks()",
        "SELECT sleep(5)",
        "SELECT pg_sleep_for('1 s')",
        "SELECT last_insert_id()",
        "SELECT lastval()",
    ],
)
def test_what_is_of_the_session_is_not_asked_again(sql: str) -> None:
    assert question_of(Call("A", 1, Kind.STATEMENT, sql, writes=Writes.NO)) is None


def test_a_column_of_such_a_name_is_asked() -> None:
    assert question_of(Call("A", 1, Kind.STATEMENT, "SELECT sleep, get_lock FROM t", writes=Writes.NO)) is not None


@pytest.mark.parametrize(
    "before", ["", "\n    ", "(", "\t(\n(", "-- who\n", "/* of\n the app */ ", " /* a */\n-- b\n("]
)
def test_what_stands_in_front_of_a_query_changes_nothing(before: str) -> None:
    call = Call("A", 1, Kind.STATEMENT, f"{before}SELECT 1 FROM t WHERE id = ?", (1,), None)
    assert question_of(call) is not None


@pytest.mark.parametrize("before", ["", "\n    ", "-- who\n", "/* of\n the app */ "])
def test_what_stands_in_front_of_a_write_changes_nothing(before: str) -> None:
    call = Call("A", 1, Kind.STATEMENT, f"{before}UPDATE t SET v = 1 WHERE id = ?", (1,), None)
    assert [query.table for query in touched_by(call)] == ["t"]
