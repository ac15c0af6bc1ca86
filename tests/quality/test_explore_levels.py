"""The isolation level that is asked for holds for every connection, and one that the program sets goes before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from acidity import prove
from acidity.errors import UsageError
from acidity.prove import Operation
from tests.quality.callers import at_once, twice, withdraw

BOUND = {
    "postgresql": create_engine("postgresql+psycopg://u@h/x"),
    "mariadb": create_engine("mariadb+pymysql://u@h/x"),
    "sqlite": create_engine("sqlite:///nowhere.db"),
}
POSTGRESQL, MARIADB, SQLITE = BOUND["postgresql"], BOUND["mariadb"], BOUND["sqlite"]


def through(engine: Engine) -> Callable[[], None]:
    def withdraw_there() -> None:
        with Session(engine) as session:
            withdraw(session, 10)

    return withdraw_there


def bare(dbapi_connection: Any) -> None:
    cursor = dbapi_connection.cursor()
    cursor.execute("SELECT balance FROM accounts WHERE id = 1")
    ((balance,),) = cursor.fetchall()
    cursor.execute(f"UPDATE accounts SET balance = {balance - 10} WHERE id = 1")
    dbapi_connection.commit()


def own_engine(url: str) -> None:
    engine = create_engine(url)
    through(engine)()
    engine.dispose()


def weaker(engine: Engine) -> None:
    through(engine.execution_options(isolation_level="READ COMMITTED"))()


CASES = {
    "a bare driver": lambda db: twice(bare),
    "an engine of its own": lambda db: twice(own_engine),
    "a bound engine": lambda db: at_once(
        *[Operation(through(BOUND[db]))] * 2, bind=f"{__name__}:{db.upper()}"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.one_server
def test_it_holds_for_every_connection(db: str, case: str) -> None:
    assert prove.explore(CASES[case](db), db=db, isolation_level="READ COMMITTED").verdict == "fail"
    assert prove.explore(CASES[case](db), db=db, isolation_level="SERIALIZABLE").verdict == "pass"


@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.one_server
def test_what_the_program_sets_goes_before_it(db: str) -> None:
    assert prove.explore(twice(weaker), db=db, isolation_level="SERIALIZABLE").verdict == "fail"


def test_where_it_cannot_be_imposed_nobody_says_that_it_was() -> None:
    with pytest.raises(UsageError, match="cannot be imposed on an engine of yours"):
        prove.explore(CASES["a bound engine"]("sqlite"), isolation_level="SERIALIZABLE")
