"""Who rolls all of it back, and says that it went well, has changed nothing: also where a COMMIT comes after that."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
import pytest

from acidity import prove
from acidity.prove import Operation, Scenario

TAKE, GIVE = (f"UPDATE accounts SET n = n {what} WHERE id = {key}" for key, what in ((1, "- 10"), (2, "+ 10")))
FEW = ["error-before"]


class Refused(Exception):
    """It was not to be done."""


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE accounts (id INT PRIMARY KEY, n INT NOT NULL)")


def fill(session: Any) -> None:
    session.connection().exec_driver_sql("INSERT INTO accounts VALUES (1, 100), (2, 100)")


def as_a_text(dsn: str) -> None:
    with sqlite3.connect(dsn, isolation_level=None) as connection:
        for text in ("BEGIN", TAKE, GIVE, "ROLLBACK"):
            connection.execute(text)
    connection.close()


def before_a_commit(dsn: str) -> None:
    with sqlite3.connect(dsn) as connection:
        connection.execute(TAKE)
        connection.rollback()
    connection.close()


def and_done_again(dsn: str) -> None:
    with sqlite3.connect(dsn) as connection:
        connection.execute(TAKE)
        connection.rollback()
        connection.execute(TAKE)
        connection.execute(GIVE)
    connection.close()


def and_said(dsn: str) -> None:
    with sqlite3.connect(dsn) as connection:
        connection.execute(TAKE)
        connection.rollback()
    connection.close()
    raise Refused


def in_a_block(dsn: str, *, force_rollback: bool) -> None:
    with psycopg.connect(dsn) as connection, connection.transaction(force_rollback=force_rollback):
        connection.execute(TAKE)
        connection.execute(GIVE)


@pytest.mark.parametrize(
    ("operation", "db", "words"),
    [
        (Operation(as_a_text), "sqlite", {"false success"}),
        (Operation(before_a_commit), "sqlite", {"false success"}),
        (Operation(in_a_block, force_rollback=True), "postgresql", {"false success"}),
        (Operation(in_a_block, force_rollback=False), "postgresql", set()),
        (Operation(and_done_again), "sqlite", set()),
        (Operation(and_said, raises=Refused), "sqlite", set()),
    ],
    ids=lambda it: it.name if isinstance(it, Operation) else "",
)
def test_what_is_rolled_back_was_not_done(operation: Operation, db: str, words: set[str]) -> None:
    report = prove.drill(Scenario(operation, schema=schema, setup=fill), db=db, faults=FEW)
    assert not report.unknowns, report
    assert {found.word for found in report.findings if found.severity == "error"} == words
