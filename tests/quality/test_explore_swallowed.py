"""A caller that swallows being refused leaves the rows of one whose write is lost; these are two causes."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.quality.callers import Base, seed


def counts_unless_busy(dsn: str) -> int:
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        one_more: int = connection.execute("SELECT balance FROM accounts WHERE id = 1").fetchone()[0] + 1
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT balance FROM accounts WHERE id = 1").fetchone()
            connection.execute("UPDATE accounts SET balance = ? WHERE id = 1", (one_more,))
            connection.execute("COMMIT")
        except sqlite3.OperationalError:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return one_more


def counts_in_the_database(dsn: str) -> None:
    """It does not swallow that it is refused, and waits for its turn."""
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        connection.execute("UPDATE accounts SET balance = balance + 1 WHERE id = 1")


def test_who_waits_for_its_turn_is_right() -> None:
    report = prove.explore(Scenario(*[Operation(counts_in_the_database)] * 2, metadata=Base.metadata, setup=seed))
    assert (report.verdict, report.findings) == ("pass", ()), str(report)


def test_a_lost_update_is_not_hidden_by_a_refusal_that_is_swallowed() -> None:
    report = prove.explore(Scenario(*[Operation(counts_unless_busy)] * 2, metadata=Base.metadata, setup=seed))
    assert {finding.anomaly for finding in report.findings} == {"", "lost update"}, str(report)
