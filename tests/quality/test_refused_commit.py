"""A COMMIT that the database refuses and the program hides: told as that, and not as one that is missing."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Any

from acidity import prove
from acidity.core.cause import CauseKind
from acidity.prove import Operation, Scenario

REFERS = "CREATE TABLE refers (id INTEGER PRIMARY KEY, other INT NOT NULL REFERENCES refers (id) DEFERRABLE INITIALLY DEFERRED)"


def refused_at_commit(dbapi_connection: Any) -> None:
    dbapi_connection.execute("PRAGMA foreign_keys = ON")
    dbapi_connection.execute("INSERT INTO refers VALUES (1, 7)")
    with suppress(sqlite3.IntegrityError):
        dbapi_connection.commit()  # <- refused
    dbapi_connection.rollback()


def test_a_refused_commit_that_is_hidden_is_no_missing_one() -> None:
    operation = Operation(refused_at_commit, inject="dbapi_connection")
    scenario = Scenario(operation, schema=lambda connection: connection.exec_driver_sql(REFERS))
    report = prove.drill(scenario, faults=("error-before",), remedies=False)
    found = next(each for each in report.findings if not each.schedule.choices)
    assert (found.word, found.kind) == ("false success", CauseKind.SWALLOWED_ERROR), report
    assert found.cause.startswith("the database refused COMMIT at "), found.cause
