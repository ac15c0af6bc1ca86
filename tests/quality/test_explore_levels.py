"""The isolation level that is asked for holds for every connection, and one that the program sets goes before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import Engine, create_engine, select, text, update
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Levels, Report
from acidity.errors import UsageError
from acidity.prove import Operation
from tests.quality.callers import Account, at_once, twice, withdraw, withdraw_guarded

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


@pytest.mark.one_in(3)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.one_server
@pytest.mark.slow
def test_it_holds_for_every_connection(db: str, case: str) -> None:
    assert prove.explore(CASES[case](db), db=db, isolation_level="READ COMMITTED").verdict == "fail"
    assert prove.explore(CASES[case](db), db=db, isolation_level="SERIALIZABLE").verdict == "pass"


@pytest.mark.dear
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.one_server
def test_what_the_program_sets_goes_before_it(db: str) -> None:
    assert prove.explore(twice(weaker), db=db, isolation_level="SERIALIZABLE").verdict == "fail"


def in_two_transactions(session: Session, amount: int) -> None:
    """What it has read is of the one before."""
    balance = session.scalars(select(Account.balance).where(Account.id == 1)).one()
    session.commit()
    session.execute(update(Account).where(Account.id == 1).values(balance=balance - amount))
    session.commit()


@pytest.mark.dear
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.one_server
def test_serializable_is_of_one_transaction(db: str) -> None:
    """Found, and found to be right, by one schedule of each class."""
    wrong, right = (
        prove.explore(twice(each, 10), db=db, isolation_level="SERIALIZABLE")
        for each in (in_two_transactions, withdraw)
    )
    assert (wrong.verdict, right.verdict) == ("fail", "pass")
    assert [each.anomaly for each in wrong.findings] == ["lost update"]
    for report in (wrong, right):
        assert "of each class" in report.bounds[0].note
        assert "2,000 random programs of two callers" in report.bounds[0].note


def test_where_it_cannot_be_imposed_nobody_says_that_it_was() -> None:
    with pytest.raises(UsageError, match="cannot be imposed on an engine of yours"):
        prove.explore(CASES["a bound engine"]("sqlite"), isolation_level="SERIALIZABLE")


OF_A_SESSION = {
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "mariadb": "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
}


def careful(engine: Engine) -> None:
    """Its session keeps the level, and goes back to the pool with it."""
    with engine.connect() as connection:
        connection.exec_driver_sql(OF_A_SESSION[engine.dialect.name])
        connection.commit()
    through(engine)()


def careful_alone(engine: Engine) -> None:
    """The same for its own transaction."""
    through(engine.execution_options(isolation_level="SERIALIZABLE"))()


def careless(engine: Engine) -> None:
    through(engine)()


@pytest.mark.dear
@pytest.mark.parametrize("first", [careful, careful_alone])
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.one_server
def test_the_level_of_a_session_does_not_come_over_into_the_next_run(db: str, first: Callable[..., Any]) -> None:
    """Where it did, the other one found it set by the run before, and was turned away in place of losing an update."""
    report = prove.explore(at_once(Operation(first), Operation(careless)), db=db)
    assert [each.anomaly for each in report.findings if each.severity == "error"] == ["lost update"], report.unknowns
    assert prove.explore(at_once(Operation(first), Operation(first)), db=db).verdict == "pass"


# All levels


EXPECTED = {
    "postgresql": {"READ COMMITTED": "fail", "REPEATABLE READ": "pass", "SERIALIZABLE": "pass"},
    "mariadb": {
        "READ UNCOMMITTED": "fail",
        "READ COMMITTED": "fail",
        "REPEATABLE READ": "fail",
        "SERIALIZABLE": "pass",
    },
    "sqlite": {"its own": "fail"},
}


@pytest.mark.parametrize("db", EXPECTED)
@pytest.mark.one_server
@pytest.mark.one_in(3)
def test_all_levels_and_the_weakest_that_passes(db: str) -> None:
    found = prove.levels(twice(withdraw, 10), db=db, target="bank:pay")
    assert {level: answer.verdict for level, answer in found.levels.items()} == EXPECTED[db]
    passing = [level for level, verdict in EXPECTED[db].items() if verdict == "pass"]
    assert (found.verdict, found.weakest) == ("fail", passing[0] if passing else None)
    assert prove.from_json(prove.to_json(found)) == [found]
    assert (found.weakest or "none") in str(found).splitlines()[2].partition("FAIL")[0]
    for level, answer in found.levels.items():
        assert answer.engine.settings.get("isolation level", "its own") == level
        assert "other isolation levels" not in str(answer)


@pytest.mark.slow
def test_cards_at_all_levels() -> None:
    few = {"faults": ("error-before",), "remedies": False}
    found = prove.levels(at_once(Operation(withdraw_guarded, 10)), db="postgresql", letters="AI", **few)
    assert [answer.verdict for answer in found.levels.values()] == ["pass"] * 3
    assert found.weakest == "READ COMMITTED"
    assert prove.from_json(prove.to_json(found)) == [found]


def test_one_level_and_all_of_them_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        prove.levels(twice(withdraw, 10), db="postgresql", isolation_level="SERIALIZABLE")


def test_a_ctrl_c_leaves_the_levels_that_were_reached() -> None:
    def press(_done: int, _total: int, _label: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(prove.Interrupted) as stopped:
        prove.levels(twice(withdraw_guarded, 10), db="mariadb", progress=press)
    found = stopped.value.report
    assert isinstance(found, Levels)
    assert (list(found.levels), found.verdict, found.weakest) == (["READ UNCOMMITTED"], "unknown", None)


# A level that the program sets itself


def by_an_option(session: Session) -> None:
    session.connection(execution_options={"isolation_level": "READ COMMITTED"})
    withdraw(session, 10)


def by_a_statement(session: Session) -> None:
    """For this transaction: before its first statement on PostgreSQL, before it begins on MariaDB."""
    session.execute(text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))
    withdraw(session, 10)


def by_committing_each_statement(session: Session) -> None:
    session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    withdraw(session, 10)


OWN = {
    by_an_option: "READ COMMITTED",
    by_a_statement: "READ COMMITTED",
    by_committing_each_statement: "AUTOCOMMIT",
    withdraw: None,
}


@pytest.mark.dear
@pytest.mark.one_in(5)
@pytest.mark.parametrize(("operation", "level"), OWN.items(), ids=[each.__name__ for each in OWN])
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.one_server
def test_what_the_program_sets_itself_is_said(operation: Callable[..., None], level: str | None, db: str) -> None:
    scenario = at_once(Operation(operation, *([10] if operation is withdraw else [])))
    report = prove.explore(scenario, db=db, isolation_level="SERIALIZABLE")
    said = () if level is None else (f"{operation.__name__} sets {level} itself",)
    assert report.own_levels == said
    assert report.verdict == ("pass" if level is None else "fail")
    assert report.headline.startswith(f"2 callers, SERIALIZABLE{f' ({said[0]})' if said else ''}:")
    assert f"SERIALIZABLE{f' ({said[0]})' if said else ''}" in str(report)


@pytest.mark.slow
def test_a_level_for_one_transaction_is_said_where_the_session_does_not_know_it() -> None:
    report = prove.explore(at_once(Operation(by_a_statement)), db="mariadb", isolation_level="SERIALIZABLE")
    assert report.own_levels == ("by_a_statement sets READ COMMITTED itself",)


@pytest.mark.dear
def test_what_is_as_imposed_is_not_said() -> None:
    report = prove.explore(twice(by_an_option), db="postgresql", isolation_level="READ COMMITTED")
    assert isinstance(report, Report)
    assert report.own_levels == ()


def subtracts(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT balance FROM accounts WHERE id = 1")
    (balance,) = cursor.fetchone()
    cursor.execute("UPDATE accounts SET balance = %s WHERE id = 1", (balance - 10,))
    connection.commit()


def by_the_packet(dsn: Any, level: str) -> None:
    with psycopg.connect(dsn, options=f"-c default_transaction_isolation={level.lower()}") as connection:
        subtracts(connection)


def by_the_first_command(dsn: Any, level: str) -> None:
    with pymysql.connect(**dsn, init_command=f"SET SESSION TRANSACTION ISOLATION LEVEL {level}") as connection:
        subtracts(connection)


@pytest.mark.parametrize(("operation", "db"), [(by_the_packet, "postgresql"), (by_the_first_command, "mariadb")])
def test_what_is_set_with_the_connection_is_kept(operation: Callable[..., None], db: str) -> None:
    report = prove.explore(at_once(Operation(operation, "SERIALIZABLE")), db=db, isolation_level="READ COMMITTED")
    assert report.own_levels == (f"{operation.__name__} sets SERIALIZABLE itself",)
    assert report.verdict == "pass", str(report)


def test_also_where_it_is_weaker_than_what_is_imposed() -> None:
    """READ COMMITTED is what MariaDB has not by default."""
    scenario = at_once(Operation(by_the_first_command, "READ COMMITTED"))
    report = prove.explore(scenario, db="mariadb", isolation_level="SERIALIZABLE")
    assert report.own_levels == ("by_the_first_command sets READ COMMITTED itself",)
    assert report.verdict == "fail", str(report)
