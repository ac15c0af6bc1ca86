"""Statements that commit by themselves, which are transactions of one statement at the level of their session."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario
from acidity.prove.explore.lab import Lab
from tests.quality.random_callers import of_classes, of_every
from tests.quality.staged import StageAt, relation_at

ONE, TWO = ("UPDATE q SET s = s + 1 WHERE id = 1", "UPDATE q SET s = s + 1 WHERE id = 2")


def schema(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE q (id INTEGER PRIMARY KEY, s INTEGER)"))


def seed(session: Session) -> None:
    session.execute(text("INSERT INTO q VALUES (1, 0), (2, 0)"))


def alone(dsn: Any) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(ONE)
        connection.execute(TWO)


def alone_and_together(dsn: Any) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(ONE)
        with connection.transaction():
            connection.execute(TWO)


def at_another_level(dsn: Any) -> None:
    with psycopg.connect(dsn, autocommit=True, options="-c default_transaction_isolation=serializable") as connection:
        connection.execute(ONE)


@pytest.mark.dear
@pytest.mark.parametrize("operation", [alone, alone_and_together])
def test_they_are_at_the_level_of_their_session(operation: Any) -> None:
    scenario = Scenario(Operation(operation), schema=schema, setup=seed)
    report = prove.explore(scenario, db="postgresql")
    assert (report.verdict, "of each class" in report.bounds[0].note) == ("pass", True), str(report)


@pytest.mark.dear
def test_where_queries_keep_to_the_rows_of_one_moment_every_order_is_run() -> None:
    """No Call says whether a query was a transaction."""
    report = prove.explore(Scenario(Operation(at_another_level), schema=schema, setup=seed), db="postgresql")
    assert "statements commit by themselves at SERIALIZABLE" in report.bounds[0].note
    assert "AUTOCOMMIT" not in str(report)


def plays(engine: Engine, *texts: str) -> str:
    """Carry the texts out, each by itself unless one of them begins a transaction."""
    said: list[Any] = []
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for each in texts:
            result = connection.exec_driver_sql(each)
            said.append([tuple(row) for row in result] if result.returns_rows else result.rowcount)
    return repr(said)


ASKS, LOCKS = "SELECT s FROM q WHERE id = 1", "SELECT s FROM q WHERE id = 1 FOR UPDATE"
MEETINGS = {
    "two by themselves": ((ONE, TWO), (TWO, ONE)),
    "a lock that is let go": ((LOCKS, ONE), ("BEGIN", ONE, ASKS, "COMMIT")),
    "amid a transaction": ((ASKS, ASKS), ("BEGIN", ONE, "COMMIT", ONE)),
}


@pytest.mark.slow
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.parametrize("meeting", MEETINGS)
def test_one_of_each_class_comes_to_what_every_order_comes_to(stage_at: StageAt, meeting: str, db: str) -> None:
    level = "READ COMMITTED"
    operations = [
        Operation(plays, *texts, inject="engine", name=f"p{place}") for place, texts in enumerate(MEETINGS[meeting])
    ]
    lab = Lab(stage_at(db, level, Scenario(*operations, schema=schema, setup=seed)), operations)
    every = of_every(lab, 200)
    del every["runs"]
    found, _, unfit = of_classes(lab.stage, lab, level, relation_at(db, level))
    assert (unfit, set(found)) == ("", set(every))
