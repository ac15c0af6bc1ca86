"""A caller that keeps everybody out of a table keeps out who watches a run, too: he looks once he is let in."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import Connection

from acidity import prove
from acidity.prove import Operation, Scenario


def schema(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE a (id INT PRIMARY KEY, v INT NOT NULL)")
    connection.exec_driver_sql("CREATE TABLE seen (v INT PRIMARY KEY)")


def fill(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO a VALUES (1, 10)")


def lets_go_too_early(dsn: Any) -> None:
    with closing(pymysql.connect(**dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLES a WRITE")
        cursor.execute("SELECT v FROM a WHERE id = 1")
        (v,) = cursor.fetchone() or ()
        cursor.execute("UNLOCK TABLES")
        cursor.execute("UPDATE a SET v = %s WHERE id = 1", (v - 1,))
        connection.commit()


def lets_go_at_the_end(dsn: Any) -> None:
    with closing(pymysql.connect(**dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLES a WRITE")
        cursor.execute("SELECT v FROM a WHERE id = 1")
        (v,) = cursor.fetchone() or ()
        cursor.execute("UPDATE a SET v = %s WHERE id = 1", (v - 1,))
        connection.commit()
        cursor.execute("UNLOCK TABLES")


def looks_before(dsn: Any) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        (v,) = connection.execute("SELECT v FROM a WHERE id = 1").fetchone() or ()
        connection.execute("INSERT INTO seen VALUES (%s)", (v,))
        connection.execute("UPDATE a SET v = %s WHERE id = 1", (v - 1,))


def looks_under_a_lock(dsn: Any) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("LOCK TABLE a IN ACCESS EXCLUSIVE MODE")
        connection.execute("UPDATE a SET v = v - 5 WHERE id = 1")


@pytest.mark.dear
@pytest.mark.parametrize(
    ("db", "functions", "title"),
    [
        ("mariadb", [lets_go_too_early], "v of a id=1 is 9, and 8 after A then B"),
        ("mariadb", [lets_go_at_the_end], ""),
        ("postgresql", [looks_before, looks_under_a_lock], "v of a id=1 is 9, and 4 after A then B"),
    ],
)
def test_what_nobody_could_watch_is_found(db: str, functions: list[Any], title: str) -> None:
    report = prove.explore(Scenario(*map(Operation, functions), schema=schema, setup=fill), db=db)
    assert [finding.title for finding in report.findings if finding.severity == "error"][:1] == [title] * bool(title)
    assert report.verdict == ("fail" if title else "pass"), report.unknowns


def two_and_others(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE a (id INT PRIMARY KEY, v INT NOT NULL)")
    connection.exec_driver_sql("CREATE TABLE locked (n INT NOT NULL)")
    connection.exec_driver_sql("CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM locked")


def fill_two(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO a VALUES (1, 50), (2, 50)")
    session.connection().exec_driver_sql("INSERT INTO locked VALUES (1)")


ONE, TWO = (f"SELECT v FROM a WHERE id = {number}" for number in (1, 2))
LOCK = "LOCK TABLE locked IN ACCESS EXCLUSIVE MODE"


def sums_up(dbapi_connection: Any, *texts: str) -> int:
    cursor, found = dbapi_connection.cursor(), 0
    for text in texts:
        cursor.execute(text)
        found += cursor.fetchone()[0] if text in {ONE, TWO} else 0
    dbapi_connection.commit()
    return found


def moves(dbapi_connection: Any) -> None:
    cursor = dbapi_connection.cursor()
    cursor.execute("UPDATE a SET v = v - 10 WHERE id = 1")
    cursor.execute("UPDATE a SET v = v + 10 WHERE id = 2")
    dbapi_connection.commit()


@pytest.mark.dear
@pytest.mark.parametrize("locks", [LOCK, "TRUNCATE locked", "REFRESH MATERIALIZED VIEW counted"])
def test_who_keeps_everybody_out_of_one_table_hides_no_other(locks: str) -> None:
    sums = Operation(sums_up, locks, "DELETE FROM locked WHERE n > 5", ONE, TWO)
    scenario = Scenario(sums, Operation(moves), schema=two_and_others, setup=fill_two)
    (finding,) = prove.explore(scenario, db="postgresql", remedies=False).findings
    assert finding.anomaly == "read skew"
    assert [each.rpartition(" committed ")[2] for each in finding.explanation[:2]] == [
        "a id=1 v 50 → 40",
        "a id=2 v 50 → 60",
    ]
    assert ("a id=1 v 50 → 40", "a id=2 v 50 → 60") in [move.committed for move in finding.lanes]
