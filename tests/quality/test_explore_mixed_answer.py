"""A join that locks rows of one table and waits for it: the row is read once more then, and what stands beside it is not."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from acidity import prove
from acidity.prove import Operation, Scenario


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE person (id INT PRIMARY KEY, points INT NOT NULL)")
    connection.exec_driver_sql("CREATE TABLE boss (id INT PRIMARY KEY REFERENCES person (id), bonus INT NOT NULL)")


def fill(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO person VALUES (1, 10)")
    session.connection().exec_driver_sql("INSERT INTO boss VALUES (1, 5)")


def rewards(dsn: str, locked: str) -> None:
    with psycopg.connect(dsn) as connection:
        join = f"SELECT points, bonus FROM person JOIN boss ON person.id = boss.id WHERE boss.id = 1 FOR UPDATE OF {locked}"
        points, bonus = connection.execute(join).fetchone() or (0, 0)  # type: ignore[arg-type]
        connection.execute("UPDATE person SET points = %s WHERE id = 1", (points + 1,))
        connection.execute("UPDATE boss SET bonus = %s WHERE id = 1", (bonus + 1,))


@pytest.mark.dear
@pytest.mark.parametrize(("locked", "anomaly"), [("boss", "read skew"), ("person, boss", None)])
def test_half_of_it_is_old(locked: str, anomaly: str | None) -> None:
    report = prove.explore(Scenario(Operation(rewards, locked), schema=schema, setup=fill), db="postgresql")
    assert [finding.anomaly for finding in report.findings] == [anomaly] * bool(anomaly), report
    assert report.verdict == ("fail" if anomaly else "pass")
