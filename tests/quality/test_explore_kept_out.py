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
