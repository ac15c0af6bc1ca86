"""Letter I: what is read without ORDER BY may come in any order; PostgreSQL gives what was updated last at the end."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.tiers import ENGINES


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE seats (id INT PRIMARY KEY, n INT NOT NULL)")


def fill(session: Session) -> None:
    session.execute(text("INSERT INTO seats VALUES (1, 10), (2, 20), (3, 30), (4, 40)"))


def changes(session: Session, *seats: int) -> None:
    for seat in seats:
        session.execute(text("UPDATE seats SET n = n + 1 WHERE id = :id"), {"id": seat})
    session.commit()


def lists(session: Session, order: str = "") -> dict[str, Any]:
    found = [tuple(row) for row in session.execute(text(f"SELECT id, n FROM seats WHERE n > 5 {order}"))]
    session.commit()
    return {"seats": found, "total": sum(n for _, n in found)}


def send(seats: list[Any]) -> None:
    """As a mail."""


def sends(session: Session) -> None:
    send([tuple(row) for row in session.execute(text("SELECT id, n FROM seats"))])
    session.commit()


def lists_in_two_queries(session: Session) -> list[tuple[int, int]]:
    """What is committed in between is seen of one half alone."""
    found: list[Any] = []
    for low, high in ((1, 2), (3, 4)):
        query = text("SELECT id, n FROM seats WHERE id BETWEEN :low AND :high")
        found += map(tuple, session.execute(query, {"low": low, "high": high}))
    session.commit()
    return found


def explored(*operations: Operation, db: str, **options: Any) -> prove.Report:
    scenario = Scenario(*operations, schema=schema, setup=fill, **options)
    return prove.explore(scenario, db=db, isolation_level=None if db == "sqlite" else "READ COMMITTED")


ODD, EVEN = (Operation(changes, *seats) for seats in ((1, 3), (2, 4)))


@pytest.mark.dear
@pytest.mark.parametrize("db", ENGINES)
def test_rows_that_come_in_another_order_are_right(db: str) -> None:
    report = explored(ODD, EVEN, Operation(lists), db=db)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
    told = "the order of what lists reads without ORDER BY" in report.not_covered
    assert told is (db == "postgresql"), report.not_covered


@pytest.mark.dear
def test_so_are_those_that_are_sent() -> None:
    report = explored(ODD, EVEN, Operation(sends), db="postgresql", effects=[send])
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)


@pytest.mark.dear
@pytest.mark.parametrize("db", ENGINES)
def test_who_asks_for_an_order_gets_it(db: str) -> None:
    report = explored(ODD, EVEN, Operation(lists, "ORDER BY id"), db=db)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
    assert not any("ORDER BY" in line for line in report.not_covered)


@pytest.mark.dear
@pytest.mark.parametrize("db", ENGINES)
def test_rows_that_never_were_at_once_are_found(db: str) -> None:
    report = explored(ODD, Operation(lists_in_two_queries), db=db)
    assert (report.verdict, report.unknowns) == ("fail", ()), str(report)
