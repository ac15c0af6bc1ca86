"""Letter D names tables that keep no row over a crash, and proposes no setting against it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.cause import CauseKind
from acidity.core.codes import LOST_COMMIT
from acidity.prove import Operation, Scenario
from acidity.prove.crash.forgetful import cause_of

KINDS = {
    "postgresql": ("CREATE UNLOGGED TABLE audit (id INT PRIMARY KEY)", "the table audit is UNLOGGED"),
    "mariadb": (
        "CREATE TABLE audit (id INT PRIMARY KEY) ENGINE=MEMORY",
        "the table audit is of the storage engine MEMORY",
    ),
}


def writes(session: Session) -> None:
    session.execute(text("INSERT INTO audit VALUES (1)"))
    session.commit()


@pytest.mark.slow
@pytest.mark.parametrize("db", list(KINDS))
def test_what_such_a_table_loses_is_no_matter_of_settings(db: str) -> None:
    table, said = KINDS[db]

    def schema(connection: Any) -> None:
        connection.exec_driver_sql(table)

    report = prove.crash(Scenario(Operation(writes), schema=schema), db=db, runs_max=2)
    lost = [finding for finding in report.findings if finding.code == LOST_COMMIT.name]
    assert {(finding.kind, finding.remedies) for finding in lost} == {(CauseKind.OTHER, ())}, report
    assert all(finding.cause.startswith(said) for finding in lost), report


@pytest.mark.slow
@pytest.mark.parametrize("db", list(KINDS))
def test_the_rows_before_are_there_again_in_the_next_run(db: str) -> None:
    """A kill takes them with the change, and acidity's copy of them may not be of such a table, too."""
    table, _ = KINDS[db]

    def schema(connection: Any) -> None:
        connection.exec_driver_sql(table)

    def fill(session: Session) -> None:
        session.execute(text("INSERT INTO audit VALUES (2)"))

    report = prove.crash(Scenario(Operation(writes), schema=schema, setup=fill), db=db, runs_max=2, remedies=False)
    assert {finding.code for finding in report.findings} == {LOST_COMMIT.name}, report
    assert not [why for why in report.unknowns if "not deterministic" in why], report


@pytest.mark.dear
@pytest.mark.parametrize("db", list(KINDS))
def test_what_such_a_table_loses_amid_a_commit_or_under_clients_is_lost_and_not_torn(db: str) -> None:
    def schema(connection: Any) -> None:
        connection.exec_driver_sql(KINDS[db][0])
        connection.exec_driver_sql("CREATE TABLE paid (id INT PRIMARY KEY, n INT)")

    def fill(session: Session) -> None:
        session.execute(text("INSERT INTO audit VALUES (2)"))
        session.execute(text("INSERT INTO paid VALUES (1, 0)"))

    def pays(session: Session) -> None:
        session.execute(text("UPDATE paid SET n = n + 1"))
        session.execute(text("UPDATE audit SET id = id + 1"))
        session.commit()

    report = prove.crash(Scenario(Operation(pays), schema=schema, setup=fill), db=db, runs_max=3, remedies=False)
    of_the_server = [found for found in report.findings if "the server is killed" in found.title]
    assert {found.code for found in of_the_server} == {LOST_COMMIT.name}, str(report)
    assert [found.rate and found.rate.runs for found in of_the_server] == [3, 3], str(report)
    assert all(found.cause.startswith(KINDS[db][1]) for found in of_the_server), str(report)
    assert not report.unknowns, str(report)


def writes_and_leaves(connection: Any) -> None:
    """Nobody commits, and a table that no transaction protects has the row at once."""
    connection.execute(text("INSERT INTO audit VALUES (1)"))


@pytest.mark.slow
@pytest.mark.parametrize(("storage", "verdict"), [("MEMORY", "fail"), ("MyISAM", "pass"), ("InnoDB", "pass")])
def test_what_nobody_commits_is_there_at_once_and_may_be_lost(storage: str, verdict: str) -> None:
    def schema(connection: Any) -> None:
        connection.exec_driver_sql(f"CREATE TABLE audit (id INT PRIMARY KEY) ENGINE={storage}")

    scenario = Scenario(Operation(writes_and_leaves, inject="connection"), schema=schema)
    report = prove.crash(scenario, db="mariadb", runs_max=3, remedies=False)
    assert report.verdict == verdict, str(report)
    if verdict == "fail":
        (finding,) = report.findings
        assert "is killed after the write at " in finding.title
        assert finding.cause.startswith("the table audit is of the storage engine MEMORY")


def test_a_loss_in_any_other_table_has_another_cause() -> None:
    known = {"audit": "UNLOGGED"}
    assert not cause_of(set(), known)
    assert not cause_of({"orders"}, known)
    assert not cause_of({"orders", "audit"}, known)
    assert cause_of({"audit"}, known)
