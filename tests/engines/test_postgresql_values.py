"""Values of PostgreSQL that Python has no type for, that are not equal to themselves, or that can be no key of a dict."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.finding import RowChange
from acidity.prove import Operation, Scenario
from tests.tiers import FEW

COLUMNS = "amount NUMERIC, share FLOAT8, shares FLOAT8[], at TIMESTAMPTZ, day DATE, times TIMESTAMP[], took INTERVAL"
ODD = "'NaN', 'NaN', '{{1,NaN},{NaN,2}}', 'infinity', '-infinity', '{infinity,now}', '1 day'"
FAR = "'Infinity', '-Infinity', '{-0}', '0044-03-15 BC', '20000-01-01', NULL, NULL"
KEYS = {
    "INT": ("1", "2"),
    "INT[]": ("'{1,2}'", "'{3}'"),
    "JSONB": ("""'{"a": 1}'""", "'[2]'"),
    "NUMERIC": ("'NaN'", "2"),
}


def scenario(function: Any, key: str = "INT") -> Scenario:
    one, other = KEYS[key]

    def schema(connection: Connection) -> None:
        connection.exec_driver_sql(f"CREATE TABLE accounts (id {key} PRIMARY KEY, balance INT, {COLUMNS})")

    def seed(session: Session) -> None:
        session.connection().exec_driver_sql(f"INSERT INTO accounts VALUES ({one}, 100, {ODD}), ({other}, 0, {FAR})")

    return Scenario(Operation(function, one, other), schema=schema, setup=seed)


def in_one(dbapi_connection: Any, one: str, other: str) -> None:
    dbapi_connection.execute(f"UPDATE accounts SET balance = balance - 10 WHERE id = {one}")
    dbapi_connection.execute(f"UPDATE accounts SET balance = balance + 10 WHERE id = {other}")
    dbapi_connection.commit()


def in_two(dbapi_connection: Any, one: str, other: str) -> None:
    dbapi_connection.execute(f"UPDATE accounts SET balance = balance - 10 WHERE id = {one}")
    dbapi_connection.commit()
    in_one(dbapi_connection, other, one)


@pytest.mark.dear
@pytest.mark.parametrize("key", KEYS)
def test_they_are_compared(key: str) -> None:
    options: Any = {"db": "postgresql", "faults": FEW, "remedies": False, "runs_max": 12}
    card = prove.check(scenario(in_one, key), letters="ACI", **options)
    assert card.verdict == "pass", str(card)
    report = prove.drill(scenario(in_two, key), **{**options, "runs_max": None})
    assert report.verdict == "fail", str(report)
    assert {type(change) for found in report.findings for change in found.diff} == {RowChange}


@pytest.mark.dear
def test_what_a_killed_server_brings_back_is_equal() -> None:
    report = prove.crash(scenario(in_one), db="postgresql", runs_max=2, remedies=False)
    assert report.verdict == "pass", str(report)


# What lasts longer than its Call


def copies(dbapi_connection: Any) -> None:
    with dbapi_connection.cursor().copy("COPY lines (n) FROM STDIN") as copy:
        copy.write_row((1,))
    dbapi_connection.commit()


async def copies_async(dsn: str) -> None:
    import psycopg

    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        async with connection.cursor() as cursor, cursor.copy("COPY lines (n) FROM STDIN") as copy:
            await copy.write_row((1,))


@pytest.mark.parametrize(("function", "inject"), [(copies, "dbapi_connection"), (copies_async, "dsn")])
def test_nothing_is_asked_while_rows_are_copied(function: Any, inject: str) -> None:
    """Not even at which level they are: the connection is not free before the last row."""

    def schema(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE lines (id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n INT)")

    report = prove.explore(Scenario(Operation(function, inject=inject), schema=schema), db="postgresql", run_timeout=20)
    assert report.verdict == "pass", str(report)
    assert not any("0 isolation levels" in bound.note for bound in report.bounds), str(report)
