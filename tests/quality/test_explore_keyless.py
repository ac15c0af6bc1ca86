"""Letter I names what it names whatever tells the rows of a table apart, and however a query says what it found."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.codes import CODES
from acidity.prove import Operation, Scenario
from tests.tiers import ENGINES

TABLES = {
    "no key": "owner VARCHAR(9) NOT NULL, n INT NOT NULL",
    "unique": "owner VARCHAR(9) NOT NULL UNIQUE, n INT NOT NULL",
    "two columns": "owner VARCHAR(9) NOT NULL, n INT NOT NULL, part INT DEFAULT 0 NOT NULL, UNIQUE (owner, part)",
}


def named(db: str, columns: str, *operations: Operation, level: str | None = None) -> list[str]:
    def schema(connection: Connection) -> None:
        connection.exec_driver_sql(f"CREATE TABLE accounts ({columns})")

    def two(session: Session) -> None:
        session.connection().exec_driver_sql("INSERT INTO accounts (owner, n) VALUES ('a', 100), ('b', 100)")

    scenario = Scenario(*operations, schema=schema, setup=two)
    report = prove.explore(scenario, db=db, remedies=False, isolation_level=level)
    return [CODES[found.code].word for found in report.findings if found.severity == "error"]


def asks(connection: Any, sql: str) -> Any:
    cursor = connection.cursor()
    cursor.execute(sql)
    return cursor.fetchone()[0] if cursor.description else None


def add(dbapi_connection: Any, more: int) -> None:
    n = asks(dbapi_connection, "SELECT n FROM accounts WHERE owner = 'a'")
    asks(dbapi_connection, f"UPDATE accounts SET n = {n + more} WHERE owner = 'a'")
    dbapi_connection.commit()


def draw(dbapi_connection: Any, owner: str, question: str, enough: int = 1) -> None:
    if int(asks(dbapi_connection, question)) >= enough:
        asks(dbapi_connection, f"UPDATE accounts SET n = n - 150 WHERE owner = '{owner}'")
    dbapi_connection.commit()


def both(dbapi_connection: Any) -> int:
    found = [int(asks(dbapi_connection, f"SELECT n FROM accounts WHERE owner = '{owner}'")) for owner in "ab"]
    dbapi_connection.commit()
    return sum(found)


def move(dbapi_connection: Any) -> None:
    for owner, sign in (("a", "-"), ("b", "+")):
        asks(dbapi_connection, f"UPDATE accounts SET n = n {sign} 10 WHERE owner = '{owner}'")
    dbapi_connection.commit()


def join(dbapi_connection: Any) -> None:
    number = asks(dbapi_connection, "SELECT count(*) FROM accounts")
    asks(dbapi_connection, f"INSERT INTO accounts (owner, n) VALUES ('x{number}', {number})")
    dbapi_connection.commit()


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("columns", TABLES.values(), ids=list(TABLES))
@pytest.mark.one_engine
def test_a_row_that_was_changed_is_no_phantom(db: str, columns: str) -> None:
    level = None if db == "sqlite" else "READ COMMITTED"
    names = partial(named, db, columns, level=level)
    whole = "SELECT sum(n) FROM accounts", 200
    assert names(Operation(add, 5), Operation(add, 7)) == ["lost update"]
    assert names(Operation(draw, "a", *whole), Operation(draw, "b", *whole)) == ["write skew"]
    assert names(Operation(both), Operation(move)) == ["read skew"]


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.one_engine
def test_a_row_that_came_is_one(db: str) -> None:
    assert named(db, TABLES["no key"], Operation(join)) == ["phantom"]


COMPARED = (
    "SELECT sum(n) >= 200 FROM accounts",
    "SELECT CASE WHEN sum(n) >= 200 THEN 1 ELSE 0 END FROM accounts",
    "SELECT CASE WHEN count(*) < 2 THEN 0 ELSE 1 END FROM accounts WHERE n >= 100",
)


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("question", COMPARED)
@pytest.mark.one_engine
def test_an_answer_that_is_yes_or_no_may_hang_on_each_row(db: str, question: str) -> None:
    """After the first of two changes it is no, and stays so."""
    columns = "owner VARCHAR(9) PRIMARY KEY, n INT NOT NULL"
    assert named(db, columns, Operation(draw, "a", question), Operation(draw, "b", question)) == ["write skew"]


def edit(dbapi_connection: Any) -> None:
    """An optimistic lock whose count of rows nobody looks at."""
    version = asks(dbapi_connection, "SELECT version FROM doc")
    asks(dbapi_connection, f"UPDATE doc SET version = {version + 1} WHERE version = {version}")
    asks(dbapi_connection, f"INSERT INTO revision (version) VALUES ({version})")
    dbapi_connection.commit()


def documents(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE doc (id INT PRIMARY KEY, version INT NOT NULL)")
    connection.exec_driver_sql("CREATE TABLE revision (version INT NOT NULL)")
    connection.exec_driver_sql("INSERT INTO doc VALUES (1, 1)")


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.one_engine
def test_a_row_without_a_key_is_not_written_over_an_equal_one(db: str) -> None:
    (finding,) = prove.explore(Scenario(Operation(edit), schema=documents), db=db, remedies=False).findings
    assert finding.anomaly == "stale check"
    assert "asked UPDATE doc" in finding.explanation[1]
    assert "looked for its rows after" in finding.explanation[1]
