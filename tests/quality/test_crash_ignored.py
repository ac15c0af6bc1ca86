"""Letter D compares nothing that `ignore=` leaves out."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.codes import LOST_COMMIT, TORN_BY_POWER_LOSS
from acidity.prove import Operation, Scenario
from tests.quality.test_crash_forgetful import KINDS

DURABLE = {"synchronous": "extra"}


def has_tables(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE items (id INT PRIMARY KEY, stock INT, seen INT)")
    connection.exec_driver_sql("CREATE TABLE audit (id INT PRIMARY KEY)")


def fill(session: Session) -> None:
    session.execute(text("INSERT INTO items VALUES (1, 10, 0)"))


def sell(session: Session, then: str) -> None:
    session.execute(text("UPDATE items SET stock = stock - 1"))
    session.commit()
    with suppress(DBAPIError):
        session.execute(text(then))
        session.commit()


@pytest.mark.dear
@pytest.mark.parametrize(
    ("then", "ignore"),
    [("INSERT INTO audit VALUES (1)", "audit.*"), ("UPDATE items SET seen = 1", "items.seen")],
)
def test_a_commit_of_what_is_left_out_tears_nothing(then: str, ignore: str) -> None:
    def crashed(*ignored: str) -> list[str]:
        scenario = Scenario(Operation(sell, then), schema=has_tables, setup=fill, ignore=ignored)
        return [each.code for each in prove.crash(scenario, settings=DURABLE, remedies=False).findings]

    assert crashed(ignore) == []
    assert crashed() == [TORN_BY_POWER_LOSS.name]


@pytest.mark.dear
def test_what_is_lost_beside_it_is_lost() -> None:
    scenario = Scenario(
        Operation(sell, "INSERT INTO audit VALUES (1)"), schema=has_tables, setup=fill, ignore=["audit.*"]
    )
    report = prove.crash(scenario, settings={"synchronous": "full"}, remedies=False)
    (finding,) = report.findings
    assert (finding.code, {change.table for change in finding.diff}) == (LOST_COMMIT.name, set()), str(report)
    assert "audit" not in finding.title


def sell_and_note(session: Session) -> None:
    session.execute(text("UPDATE items SET stock = stock - 1"))
    session.execute(text("INSERT INTO audit VALUES (1)"))
    session.commit()


@pytest.mark.slow
@pytest.mark.parametrize("db", list(KINDS))
def test_a_table_that_is_left_out_may_forget_its_rows(db: str) -> None:
    table, _ = KINDS[db]

    def schema(connection: Any) -> None:
        connection.exec_driver_sql("CREATE TABLE items (id INT PRIMARY KEY, stock INT, seen INT)")
        connection.exec_driver_sql(table)

    def lost(*ignored: str) -> set[str]:
        scenario = Scenario(Operation(sell_and_note), schema=schema, setup=fill, ignore=ignored)
        report = prove.crash(scenario, db=db, runs_max=1, remedies=False)
        return {each.code for each in report.findings}

    assert lost("audit.*") == set()
    assert LOST_COMMIT.name in lost()
