"""A value that is new in each run may stand in the text of a statement, as query builders write it there."""

from __future__ import annotations

import re
import time
import uuid
from itertools import count
from typing import Any

import pytest
from sqlalchemy.engine import Connection, Engine

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.quality.drilled import drill

pytestmark = pytest.mark.few_or_all
MAKES = {
    "token": lambda: f"INSERT INTO kept VALUES ('{uuid.uuid4()}', 1)",
    "time": lambda: f"INSERT INTO kept VALUES ('a', {time.time_ns() // 1000})",
    "trace": lambda: f"INSERT INTO kept VALUES ('a', 1) /* trace='{uuid.uuid4()}' */",
}


def made(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE kept (id VARCHAR(36) PRIMARY KEY, at BIGINT)")


def saying(text: Any) -> Scenario:
    def write(engine: Engine) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM kept")
            connection.exec_driver_sql(text())

    return Scenario(Operation(write), schema=made, settings={"sqlite": {"synchronous": "extra"}})


@pytest.mark.parametrize("text", MAKES.values(), ids=MAKES.keys())
@pytest.mark.parametrize("check", [drill, prove.explore])
def test_runs_that_differ_in_values_make_the_same_calls(check: Any, text: Any) -> None:
    report = check(saying(text))
    assert not any("database calls" in why for why in report.unknowns), str(report)
    assert report.runs
    if check is drill:
        assert report.verdict == "pass", str(report)


@pytest.mark.parametrize("check", [drill, prove.explore])
def test_runs_that_differ_in_more_show_where(check: Any) -> None:
    runs = count()
    report = check(saying(lambda: f"SELECT 'a' AS at_{next(runs)} FROM kept"))
    assert report.verdict == "unknown", str(report)
    why = str(report.unknowns)
    assert re.search(
        r"call 2 is SELECT 'a' AS at_\d+ FROM kept in one and SELECT 'a' AS at_\d+ FROM kept in another", why
    )
