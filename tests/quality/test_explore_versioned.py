"""Tables of MariaDB that keep what their rows were cannot be truncated; callers on them are explored all the same."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE price (id INT PRIMARY KEY, n INT NOT NULL) WITH SYSTEM VERSIONING")


def fill(session: Session) -> None:
    session.execute(text("INSERT INTO price VALUES (1, 100)"))


def raises_it(session: Session, lock: str) -> None:
    n = session.execute(text(f"SELECT n FROM price WHERE id = 1 {lock}")).scalar_one()
    session.execute(text("UPDATE price SET n = :n WHERE id = 1"), {"n": n + 1})
    session.commit()


@pytest.mark.parametrize(("lock", "codes"), [("FOR UPDATE", []), ("", ["ACI301"])])
def test_they_are_emptied_row_by_row(lock: str, codes: list[str]) -> None:
    report = prove.explore(Scenario(Operation(raises_it, lock), schema=schema, setup=fill), db="mariadb")
    assert ([found.code for found in report.findings], report.unknowns) == (codes, ()), report
