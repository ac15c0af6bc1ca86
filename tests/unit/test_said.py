"""Two runs make the same Calls where their texts differ in values alone, which might as well be parameters."""

from dataclasses import replace

import pytest

from acidity.core.call import Call, Kind
from acidity.core.said import first_other, said_each_time
from tests.unit.states import history

ONE, OTHER = "0e0e2a3c-1b2d-4c5d-8e9f-0a1b2c3d4e5f", "7e0e2a3c-1b2d-4c5d-8e9f-0a1b2c3d4e5f"


def said(sql, kind=Kind.STATEMENT):
    return said_each_time(Call("A", 1, kind, sql))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"INSERT INTO t VALUES ('{ONE}', 1)", f"INSERT INTO t VALUES ('{OTHER}', 1)"),
        ("UPDATE t SET a = 'it''s', at = 1700000000.25", "UPDATE t SET a = 'x', at = 1700000001.5"),
        ("UPDATE t SET a=-1e-3, b = .5, c = 0xF0", "UPDATE t SET a=-2, b = 7, c = 1."),
        ("SELECT ARRAY['a', 'b']", "SELECT ARRAY['c', 'd']"),
        ("SELECT 1 /* trace='00-1' */ -- a", "SELECT 2 /* trace='00-2' */ -- b"),
        ("PREPARE TRANSACTION 'a'", "PREPARE TRANSACTION 'b'"),
    ],
)
def test_values_are_left_out(one, other):
    assert said(one) == said(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("UPDATE t1 SET a = 1", "UPDATE t2 SET a = 1"),
        ('UPDATE "t 1" SET a = 1', 'UPDATE "t 2" SET a = 1'),
        ("UPDATE t SET a = a + 1", "UPDATE t SET a = a - 1"),
        ("UPDATE t SET a = 1", "UPDATE t SET a = b"),
        ("DELETE FROM t WHERE id IN (1)", "DELETE FROM t WHERE id IN (1, 2)"),
        ("DELETE FROM t WHERE a = 'x'", "DELETE FROM t WHERE a = 'x' OR b = 'y'"),
        (r"SELECT 'a\'', x, 'b'", r"SELECT 'a\'', y, 'b'"),
        ("SELECT $$it's$$, x, ''", "SELECT $$it's$$, y, ''"),
        ("SELECT # it's\n x, '1'", "SELECT # it's\n y, '1'"),
        ("SELECT /*! a */ 1", "SELECT /*! b */ 1"),
        ("SELECT 1--a", "SELECT 1--b"),
    ],
)
def test_all_else_tells_calls_apart(one, other):
    assert said(one) != said(other)


def test_an_effect_is_known_by_its_name():
    assert said("charge 1", Kind.EFFECT) != said("charge 2", Kind.EFFECT)


def test_the_first_other_call_is_shown():
    long = "SELECT " + ", ".join(f"column_{number}" for number in range(20))
    one, other = history("BEGIN", f"{long} FROM a"), history("BEGIN", f"{long} FROM b", "COMMIT")
    told = first_other(one, other)
    assert told.startswith("call 2 is …")
    assert " FROM a in one and …" in told
    assert told.endswith(" FROM b in another")
    assert first_other(other, other) == ""
    assert first_other(other, other[:2]) == "call 3 is COMMIT in one and none in another"


def test_who_makes_it_counts():
    (event,) = history("SELECT 'a'")
    again = replace(event, call=replace(event.call, actor="B"))
    assert first_other([event], [again]) == "call 1 is SELECT 'a' of A in one and SELECT 'a' of B in another"
