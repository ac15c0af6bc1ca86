"""Hooks of the program's on its pools that wait: for a lock that another connection holds as long as it is in use."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine, event, text

from acidity import prove
from acidity.prove import Operation, Scenario


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE acc (id INT PRIMARY KEY, n INT NOT NULL)")


def fill(session: Any) -> None:
    session.execute(text("INSERT INTO acc VALUES (1, 100)"))


def withdraw(url: Any) -> None:
    """Under a lock for as long as a connection is out of the pool."""
    engine = create_engine(url, pool_size=1)

    @event.listens_for(engine, "checkout")
    def lock(connection: Any, *_: Any) -> None:
        connection.execute("SELECT pg_advisory_lock(7)")
        connection.commit()

    @event.listens_for(engine, "checkin")
    def unlock(connection: Any, *_: Any) -> None:
        connection.execute("SELECT pg_advisory_unlock(7)")
        connection.commit()

    with engine.begin() as connection:
        (n,) = connection.execute(text("SELECT n FROM acc WHERE id = 1")).one()
        connection.execute(text("UPDATE acc SET n = :n WHERE id = 1"), {"n": n - 10})
    engine.dispose()


@pytest.mark.slow
def test_a_lock_that_a_connection_takes_each_time_is_not_left_behind() -> None:
    scenario = Scenario(Operation(withdraw), schema=schema, setup=fill)
    report = prove.drill(scenario, db="postgresql", faults=("error-before",), remedies=False, run_timeout=20)
    assert report.verdict == "pass", report


@pytest.mark.slow
def test_callers_that_do_not_end_are_told_where_each_of_them_stands() -> None:
    scenario = Scenario(Operation(withdraw), schema=schema, setup=fill)
    report = prove.explore(scenario, db="postgresql", run_timeout=2)
    assert report.verdict == "unknown"
    assert "in lock" in report.unknowns[0]
    assert report.unknowns[0].count("(A)") == report.unknowns[0].count("(B)") == 1
