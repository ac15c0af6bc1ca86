"""What small packages of SQLite do before each operation: it waits for nobody, and makes what is there already."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from acidity.prove.explore.lab import Lab
from tests.quality.random_callers import of_classes, of_every
from tests.quality.staged import StageAt, relation_at

TABLE = "CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY, taken INTEGER)"
INDEX = "CREATE INDEX IF NOT EXISTS by_taken ON jobs (taken)"
OPENING = ("PRAGMA busy_timeout = 5000", "PRAGMA foreign_keys = ON", TABLE, INDEX)
POP = "UPDATE jobs SET taken = 1 WHERE id = (SELECT min(id) FROM jobs WHERE taken = 0) RETURNING id"

FIRST = "UPDATE jobs SET taken = taken + 1 WHERE id = 1"


def schema(connection: Connection) -> None:
    connection.execute(text(TABLE))
    connection.execute(text(INDEX))


def without_index(connection: Connection) -> None:
    connection.execute(text(TABLE))


def seed(session: Session) -> None:
    session.execute(text("INSERT INTO jobs VALUES (1, 0), (2, 0)"))


def plays(dsn: Any, *texts: str) -> str:
    """Carry out the texts, each by itself unless one of them begins a transaction."""
    said: list[Any] = []
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        for each in texts:
            try:
                said.append(connection.execute(each).fetchall())
            except sqlite3.OperationalError as error:
                said.append(str(error))
    return repr(said)


def pops(dsn: Any) -> None:
    plays(dsn, *OPENING, "BEGIN IMMEDIATE", POP, "COMMIT")


def pops_in_wal(dsn: Any) -> None:
    plays(dsn, "PRAGMA journal_mode = WAL", *OPENING, "BEGIN IMMEDIATE", POP, "COMMIT")


def explored(operation: Any, journal: str, made: Any = schema) -> Report:
    scenario = Scenario(Operation(operation), schema=made, setup=seed)
    return prove.explore(scenario, settings={"journal_mode": journal})


@pytest.mark.dear
@pytest.mark.parametrize(("operation", "journal"), [(pops, "delete"), (pops, "wal"), (pops_in_wal, "wal")])
def test_one_of_each_class_is_run(operation: Any, journal: str) -> None:
    report = explored(operation, journal)
    assert (report.verdict, "of each class" in report.bounds[0].note) == ("pass", True), str(report)


@pytest.mark.dear
@pytest.mark.parametrize(
    ("operation", "journal", "made", "missing"),
    [(pops_in_wal, "delete", schema, "journal_mode wal"), (pops, "delete", without_index, "index by_taken")],
)
def test_what_is_made_in_each_run_has_every_order(operation: Any, journal: str, made: Any, missing: str) -> None:
    report = explored(operation, journal, made)
    assert f"the file has no {missing} before each run" in report.bounds[0].note


MEETINGS = {
    "before": ((TABLE, "BEGIN", POP, "COMMIT"), ("BEGIN IMMEDIATE", POP, "COMMIT", "SELECT * FROM jobs")),
    "between": (("BEGIN", TABLE, POP, "COMMIT"), ("BEGIN", "SELECT 1", POP, "COMMIT")),
    "the first to ask": (("BEGIN", INDEX, "SELECT * FROM jobs", "COMMIT"), (POP, "PRAGMA user_version", POP)),
    "a journal": (("BEGIN", "PRAGMA journal_mode = {}", "SELECT * FROM jobs", "COMMIT"), (POP, TABLE, POP)),
    "a reader": ((FIRST, FIRST), ("BEGIN", "PRAGMA user_version", "SELECT * FROM jobs", "COMMIT")),
    "patience": (("BEGIN", "PRAGMA busy_timeout = 5000", POP, "COMMIT"), ("BEGIN", INDEX, POP, "COMMIT")),
}


@pytest.mark.dear
@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("meeting", MEETINGS)
def test_one_of_each_class_comes_to_what_every_order_comes_to(stage_at: StageAt, meeting: str, journal: str) -> None:
    operations = [
        Operation(plays, *(each.format(journal) for each in texts), inject="dsn", name=f"p{place}")
        for place, texts in enumerate(MEETINGS[meeting])
    ]
    scenario = Scenario(*operations, schema=schema, setup=seed)
    stage = stage_at("sqlite", journal, scenario)
    lab = Lab(stage, operations)
    every = of_every(lab, 200)
    del every["runs"]
    found, _, unfit = of_classes(stage, lab, journal, relation_at("sqlite", journal))
    assert (unfit, set(found)) == ("", set(every))
