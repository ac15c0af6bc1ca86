"""A loader that rolls everything back to skip one bad row, and counts what is gone as loaded (drt)."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.quality.cases import Case

ROWS = ({"id": 1, "n": 1}, {"id": 2, "n": None}, {"id": 3, "n": 3})


def schema(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE loaded (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
    connection.exec_driver_sql("CREATE TABLE summary (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")


def the_summary_counts_the_rows(session: Session) -> bool:
    rows = session.scalar(text("SELECT count(*) FROM loaded"))
    return rows == session.scalar(text("SELECT coalesce(sum(n), 0) FROM summary"))


def rolls_all_back(engine: Engine) -> None:
    with engine.connect() as connection:
        count = 0
        for row in ROWS:
            try:
                connection.execute(text("INSERT INTO loaded VALUES (:id, :n)"), row)
                count += 1
            except IntegrityError:
                connection.rollback()
        connection.execute(text("INSERT INTO summary VALUES (1, :n)"), {"n": count})
        connection.commit()


# It is broken without a fault. Faults that it swallows for a row tear it too, and would the right one; none is tried.
CASES = (
    Case(
        rolls_all_back,
        {"schema": schema, "invariants": [the_summary_counts_the_rows]},
        ("sqlite", "postgresql", "mariadb"),
        ("kill-before",),
        {"": frozenset({"inconsistent"})},
    ),
)
