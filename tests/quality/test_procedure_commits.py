"""A procedure that commits what was open, between two writes of the program: it is named as that."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.cause import CauseKind
from acidity.prove import Operation, Scenario


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE acc (id INT PRIMARY KEY, n INT NOT NULL)")
    connection.exec_driver_sql("CREATE TABLE log (id INT PRIMARY KEY)")
    connection.exec_driver_sql("CREATE PROCEDURE logs() BEGIN INSERT INTO log VALUES (1); COMMIT; END")


def fill(session: Session) -> None:
    session.execute(text("INSERT INTO acc VALUES (1, 100), (2, 0)"))


def moves(session: Session) -> None:
    session.execute(text("UPDATE acc SET n = n - 10 WHERE id = 1"))
    session.execute(text("CALL logs()"))
    session.execute(text("UPDATE acc SET n = n + 10 WHERE id = 2"))
    session.commit()


@pytest.mark.dear
def test_the_procedure_is_the_cause() -> None:
    scenario = Scenario(Operation(moves), schema=schema, setup=fill)
    report = prove.drill(scenario, db="mariadb", faults=("error-before",), remedies=False)
    torn = next(finding for finding in report.findings if finding.word == "torn")
    assert torn.kind is CauseKind.SEVERAL_COMMITS
    assert torn.cause.startswith("the procedure called at "), torn.cause
    assert torn.cause.endswith("commits on its way, before the change is complete")


def hides_errors(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE acc (id INT PRIMARY KEY, n INT NOT NULL)")
    connection.exec_driver_sql(
        "CREATE FUNCTION takes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE acc SET n = n - 10 WHERE id = 1; "
        "RETURN 1; EXCEPTION WHEN OTHERS THEN RETURN 0; END $$"
    )


def takes(session: Session, sql: str) -> None:
    session.execute(text(sql))
    session.commit()


@pytest.mark.parametrize(("sql", "told"), [("SELECT takes()", True), ("UPDATE acc SET n = 1", False)])
def test_what_it_does_about_an_error_is_not_covered(sql: str, told: bool) -> None:  # noqa: FBT001
    scenario = Scenario(Operation(takes, sql), schema=hides_errors, setup=fill)
    report = prove.drill(scenario, db="postgresql", faults=("error-before",))
    said = [
        name for name in report.not_covered if name.startswith("errors that the database meets inside what it runs")
    ]
    assert [name.endswith("test_procedure_commits.py:52") for name in said] == [True] * told, report.not_covered
