"""A number that a program fetches from a sequence and writes itself is the database's: another attempt has another one."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Sequence, text
from sqlalchemy.exc import DBAPIError

from acidity import prove
from acidity.prove import Operation, Scenario

SERVERS = ["postgresql", "mariadb"]
FETCH = {"postgresql": "SELECT nextval('tickets')", "mariadb": "SELECT NEXT VALUE FOR tickets"}
FEW = ["error-before", "connection-lost", "deadlock"]
AGAIN = {"40001", "40P01", 1213, 1020}


def schema(connection: Any) -> None:
    connection.exec_driver_sql("CREATE SEQUENCE tickets")
    connection.exec_driver_sql("CREATE TABLE sold (n BIGINT PRIMARY KEY, who VARCHAR(9) NOT NULL)")
    connection.exec_driver_sql("CREATE TABLE cap (id INT PRIMARY KEY, n INT NOT NULL)")


def fill(session: Any) -> None:
    session.execute(text("INSERT INTO cap VALUES (1, 100)"))


def sell(session: Any, db: str, between: str = "") -> None:
    for attempt in range(3):
        try:
            number = session.execute(text(FETCH[db])).scalar()
            session.execute(text("INSERT INTO sold VALUES (:n, 'A')"), {"n": number})
            if between:
                session.commit()
            session.execute(text("UPDATE cap SET n = n - 1 WHERE id = 1"))
            session.commit()
            break
        except DBAPIError as error:
            session.rollback()
            if attempt == 2 or not AGAIN & {getattr(error.orig, "sqlstate", ""), *getattr(error.orig, "args", ())[:1]}:
                raise


def sell_by_core(session: Any, db: str) -> None:
    del db
    number = session.execute(Sequence("tickets"))
    session.execute(text("INSERT INTO sold VALUES (:n, 'A')"), {"n": number})
    session.execute(text("UPDATE cap SET n = n - 1 WHERE id = 1"))
    session.commit()


def sell_in_a_block(session: Any, db: str) -> None:
    del db
    session.execute(text("DO $$ DECLARE x int = nextval('tickets'); BEGIN INSERT INTO sold VALUES (x, 'A'); END $$"))
    session.execute(text("UPDATE cap SET n = n - 1 WHERE id = 1"))
    session.commit()


@pytest.mark.parametrize("db", SERVERS)
def test_another_attempt_may_have_another_number(db: str) -> None:
    report = prove.drill(Scenario(Operation(sell, db), schema=schema, setup=fill), db=db, faults=FEW)
    assert report.verdict == "pass", report


@pytest.mark.parametrize("db", SERVERS)
def test_what_is_torn_is_torn_for_all_that(db: str) -> None:
    report = prove.drill(Scenario(Operation(sell, db, "commit"), schema=schema, setup=fill), db=db, faults=FEW)
    assert report.verdict == "fail", report


@pytest.mark.dear
@pytest.mark.parametrize(
    ("db", "function", "level"),
    [
        ("postgresql", sell, "REPEATABLE READ"),
        ("postgresql", sell_by_core, "REPEATABLE READ"),
        ("postgresql", sell_in_a_block, "REPEATABLE READ"),
        ("mariadb", sell, "SERIALIZABLE"),
        ("mariadb", sell_by_core, "SERIALIZABLE"),
    ],
)
def test_who_is_turned_away_has_burnt_one(db: str, function: Any, level: str) -> None:
    scenario = Scenario(Operation(function, db), schema=schema, setup=fill)
    report = prove.explore(scenario, db=db, isolation_level=level)
    assert report.verdict == "pass", report


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
def test_who_is_killed_has_burnt_one(db: str) -> None:
    report = prove.crash(Scenario(Operation(sell, db), schema=schema, setup=fill), db=db)
    assert report.verdict == "pass", report
