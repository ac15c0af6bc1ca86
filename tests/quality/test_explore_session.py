"""What a query gives may depend on its session; acidity asks over another one, and then names nothing by it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario

SAYS = {
    "postgresql": ("SET LOCAL acidity.tenant = 'a'", "tenant = current_setting('acidity.tenant', true)"),
    "mariadb": ("SET @tenant = 'a'", "tenant = @tenant"),
}


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE doc (id INT PRIMARY KEY, tenant CHAR(1) NOT NULL, n INT NOT NULL)")
    if connection.dialect.name == "postgresql":
        condition = SAYS["postgresql"][1]
        connection.exec_driver_sql(f"CREATE VIEW mine AS SELECT id, n FROM doc WHERE {condition}")


def fill(session: Session) -> None:
    session.execute(text("INSERT INTO doc VALUES (1, 'a', 10), (2, 'b', 20)"))


def takes_one(session: Session, db: str, query: str) -> None:
    session.execute(text(SAYS[db][0]))
    n = session.execute(text(query)).scalar_one()
    session.execute(text("UPDATE doc SET n = :n WHERE id = 1"), {"n": n - 1})
    session.commit()


@pytest.mark.parametrize(
    ("db", "query"),
    [
        ("postgresql", "SELECT n FROM mine"),
        ("mariadb", f"SELECT n FROM doc WHERE {SAYS['mariadb'][1]}"),
    ],
)
def test_it_is_no_read_skew(db: str, query: str) -> None:
    report = prove.explore(Scenario(Operation(takes_one, db, query), schema=schema, setup=fill), db=db)
    assert [found.code for found in report.findings] == ["ACI309"], report


@pytest.mark.dear
@pytest.mark.parametrize("db", list(SAYS))
def test_what_depends_on_nothing_is_named(db: str) -> None:
    query = "SELECT n FROM doc WHERE id = 1"
    report = prove.explore(Scenario(Operation(takes_one, db, query), schema=schema, setup=fill), db=db)
    assert [found.code for found in report.findings] == ["ACI301"], report
