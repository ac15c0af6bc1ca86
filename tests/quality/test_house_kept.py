"""What keeps house after COMMIT changes no row: where it fails, the operation has failed after it was committed."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from acidity import prove
from acidity.prove import Operation
from tests.engines.bank import bank
from tests.engines.raw import CREDIT, DEBIT

KEPT = [
    ("sqlite", "ANALYZE"),
    ("sqlite", "VACUUM"),
    ("sqlite", "REINDEX"),
    ("sqlite", "PRAGMA optimize"),
    ("postgresql", "ANALYZE accounts"),
    ("postgresql", "VACUUM accounts"),
    ("postgresql", "REINDEX TABLE accounts"),
    ("mariadb", "ANALYZE TABLE accounts"),
]
FAULTS = ("error-before", "answer-lost", "connection-lost")


def moves_and(engine: Engine, then: str) -> None:
    with engine.connect() as connection:
        connection.execute(text(DEBIT))
        connection.execute(text(CREDIT))
        connection.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(then)


@pytest.mark.dear
@pytest.mark.one_in(2)
@pytest.mark.parametrize(("db", "then"), KEPT)
def test_what_keeps_house_is_no_write(db: str, then: str) -> None:
    report = prove.drill(bank(Operation(moves_and, then, inject="engine")), db=db, faults=FAULTS, remedies=False)
    assert [(found.word, found.severity) for found in report.findings] == [("failed after commit", "warning")], report
    assert report.classifier == "2 writes in 1 commit: protected"


@pytest.mark.dear
@pytest.mark.parametrize("db", ["sqlite", "postgresql"])
@pytest.mark.one_engine
def test_what_changes_a_row_there_is_a_write(db: str) -> None:
    report = prove.drill(bank(Operation(moves_and, DEBIT, inject="engine")), db=db, faults=FAULTS, remedies=False)
    assert "torn" in {found.word for found in report.findings}, report
    assert report.classifier == "3 writes in 2 commits: unprotected"
