"""What of a program is a question that another session may ask once more."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.analysis.questions import Query, named, question_of, unlimited
from acidity.core.call import Call, Kind, Writes


def write(sql: str, params: Any = None, *, many: bool = False) -> Call:
    return Call("A", 1, Kind.STATEMENT, sql, params, many=many, writes=Writes.YES)


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


@pytest.mark.parametrize(
    ("sql", "params", "asked"),
    [
        ("SELECT a FROM t WHERE b = ? ORDER BY a LIMIT ?", (1, 5), ("SELECT a FROM t WHERE b = ? ORDER BY a ", (1,))),
        ("SELECT a FROM t LIMIT %(n)s OFFSET %(m)s", {"n": 1, "m": 2}, ("SELECT a FROM t ", {})),
        ("SELECT a FROM t ORDER BY a FETCH FIRST ROW ONLY", None, ("SELECT a FROM t ORDER BY a ", None)),
        ("SELECT a FROM (SELECT a FROM t LIMIT 1) x WHERE b = 'limit'", None, None),
    ],
)
def test_all_rows_of_which_a_question_takes_the_first_few(sql: str, params: Any, asked: tuple[str, Any] | None) -> None:
    whole = unlimited(Query(sql, params))
    assert (whole and (whole.sql, whole.params)) == asked


def test_numbers_become_names() -> None:
    call = named(write("UPDATE t SET a=$1::INTEGER WHERE id = $2 AND b LIKE 'x%'", (7, 3)))
    assert call.sql == "UPDATE t SET a=%(p1)s::INTEGER WHERE id = %(p2)s AND b LIKE 'x%%'"
    assert call.params == {"p1": 7, "p2": 3}


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
