"""Why no order fits is told by the rows of a COMMIT that concern the query, and named by these alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.finding import Finding
from acidity.prove import Operation, Scenario


def schema(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, u INTEGER)")
    connection.exec_driver_sql("CREATE TABLE s (id INTEGER)")


def seed(session: Session) -> None:
    session.connection().exec_driver_sql("INSERT INTO t VALUES (1, 1, 10), (2, 1, 20), (3, 7, 30)")


def asking(*texts: str) -> Callable[[Any], None]:
    """A caller that sends these in one transaction."""

    def caller(dbapi_connection: Any) -> None:
        cursor = dbapi_connection.cursor()
        for text in texts:
            cursor.execute(text)
        dbapi_connection.commit()

    return caller


def found(one: Callable[[Any], None], other: Callable[[Any], None]) -> Finding:
    scenario = Scenario(Operation(one), Operation(other), schema=schema, setup=seed)
    (finding,) = prove.explore(scenario, db="postgresql", remedies=False).findings
    return finding


COPIES = asking("INSERT INTO s SELECT id FROM t WHERE u = 30", "UPDATE t SET v = v + 3 WHERE v = 1")
RAISES = asking("UPDATE t SET v = v + 100", "INSERT INTO t VALUES (4, 50, 40)")
MOVES = asking("UPDATE t SET id = 5 WHERE id = 2", "UPDATE t SET v = v * 2 WHERE id = 1")


@pytest.mark.dear
@pytest.mark.parametrize(
    ("one", "other", "anomaly", "shown"),
    [
        pytest.param(
            COPIES,
            asking("UPDATE t SET u = 5 WHERE u > 0", "INSERT INTO t VALUES (4, 1, 40)"),
            "stale check",
            "B committed t id=3 u 30 → 5",
            id="the SELECT of an INSERT",
        ),
        pytest.param(
            RAISES,
            asking("UPDATE t SET v = -v WHERE id = (SELECT max(id) FROM t)"),
            "phantom",
            "A committed t id=4 added: id 4, v 50, u 40",
            id="a query within a condition",
        ),
        pytest.param(
            MOVES,
            asking("UPDATE t SET u = 6 WHERE id = 5", "INSERT INTO s SELECT sum(v) FROM t"),
            "phantom",
            "A committed t id=5 added: id 5, v 1, u 20",
            id="a condition",
        ),
    ],
)
def test_the_rows_told_are_those_that_concern_the_query(
    one: Callable[[Any], None], other: Callable[[Any], None], anomaly: str, shown: str
) -> None:
    finding = found(one, other)
    assert finding.anomaly == anomaly
    assert finding.explanation[0].endswith(shown), finding.explanation


def taking(asks: str) -> Callable[[Any], None]:
    """A caller that takes the first place of s where this finds none, and counts that in t."""

    def caller(dbapi_connection: Any) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute(asks)
        if not cursor.fetchone()[0]:
            cursor.execute("INSERT INTO s VALUES (9), (1)")
            cursor.execute("UPDATE t SET v = v + 1, u = u + 1 WHERE id = 1")
        dbapi_connection.commit()

    return caller


ONE, BOTH = "s added: id 1", "s added: id 1; s added: id 9"


@pytest.mark.dear
@pytest.mark.parametrize(
    ("asks", "shown"),
    [
        ("SELECT (SELECT count(*) FROM s WHERE s.id = a.id) FROM t a WHERE a.id = 1", ONE),
        ("SELECT coalesce((SELECT s.id FROM s WHERE s.id = t.id LIMIT 1), 0) FROM t WHERE id = 1", BOTH),
        ("SELECT EXISTS (SELECT 1 FROM s WHERE s.id = a.id), a.id FROM t a WHERE a.id = 1", ONE),
        ("SELECT EXISTS (SELECT 1 FROM s WHERE id = 1)", ONE),
        ("WITH c AS (SELECT count(*) AS n FROM s WHERE id = 1) SELECT n, t.id FROM c, t", ONE),
        ("SELECT count(*) FROM t a WHERE a.id = 1 AND EXISTS (SELECT 1 FROM s WHERE s.id = a.id)", BOTH),
    ],
)
def test_what_stands_within_a_question_is_told_by_its_own_rows(asks: str, shown: str) -> None:
    """Not by those of its own FROM, of which it names no column that is changed."""
    told = found(taking(asks), taking(asks)).explanation[0]
    assert told.partition(" committed ")[2] == shown, told


@pytest.mark.dear
def test_a_write_over_a_write_is_no_read_of_it() -> None:
    """PostgreSQL puts a new version of a row behind the others; in which order a condition finds them says nothing."""
    finding = found(COPIES, asking("UPDATE t SET u = 5 WHERE id <> 2", "INSERT INTO t VALUES (4, 1, 40)"))
    assert finding.anomaly == "stale check"
    assert "over what B had written" in finding.explanation[1], finding.explanation
