"""Letter D on servers: a Call that commits on its way is killed amid it, while it waits for what another session holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.call import Call, Kind
from acidity.prove import Operation, Scenario
from acidity.prove.crash.amid import AMID, Held, kills_amid
from tests.engines.bank import bank
from tests.engines.committing import (
    OF_MARIADB,
    PAID,
    engine_of,
    maria_call,
    maria_call_autocommitted,
    maria_many_autocommitted,
    pg_call,
    pg_call_commits,
    scenario,
    with_routines,
)
from tests.engines.raw import DEBIT
from tests.tiers import SERVERS


def test_each_thing_is_held_once() -> None:
    calls = [Call("A", 2, Kind.STATEMENT, opaque=True)]
    rows = [Held("accounts", (("id", number),)) for number in (1, 2)]
    assert [str(each.schedule) for each in kills_amid(calls, rows)] == [f"ac1:A2!{AMID}@{each}.2" for each in (1, 2)]
    assert kills_amid(calls, rows[:1]) == [], "the first commit changes it"


@pytest.mark.dear
@pytest.mark.parametrize("function", [maria_call_autocommitted, maria_many_autocommitted, pg_call_commits])
def test_what_commits_on_its_way_is_torn(function: Callable[..., Any]) -> None:
    """Whatever moments the other kills have met."""
    db = engine_of(function)
    report = prove.crash(scenario(function), db=db, runs_max=2, remedies=False)
    torn = [found for found in report.findings if found.code == "ACI403"]
    assert torn, str(report)
    again = [prove.replay_crash(scenario(function), f"ac1:A!{AMID}@{each}.2", db=db) for each in (1, 2)]
    assert sorted(each.verdict for each in again) == ["fail", "unknown"], "the row that is written first is no stop"
    (found,) = next(each for each in again if each.verdict == "fail").findings
    assert "while it waits for that" in found.explanation[0]


@pytest.mark.dear
@pytest.mark.parametrize("function", [maria_call, pg_call])
def test_what_commits_once_is_not_held(function: Callable[..., Any]) -> None:
    report = prove.crash(scenario(function), db=engine_of(function), runs_max=2, remedies=False)
    assert report.verdict == "pass", str(report)
    again = prove.replay_crash(scenario(function), f"ac1:A!{AMID}@1.2", db=engine_of(function))
    assert again.verdict == "unknown", str(again)
    assert any("commits several times" in unknown for unknown in again.unknowns), str(again)


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize("first", [DEBIT, PAID])
def test_a_table_that_gets_new_rows_is_held_whole(db: str, first: str) -> None:
    second = PAID if first == DEBIT else DEBIT
    both = {
        "mariadb": f"BEGIN NOT ATOMIC {first}; {second}; END",
        "postgresql": f"DO $$BEGIN {first}; COMMIT; {second}; END$$",
    }

    def pay(engine: Engine) -> None:
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(both[db])

    again = [prove.replay_crash(bank(pay), f"ac1:A!{AMID}@{each}.2", db=db) for each in (1, 2)]
    assert "fail" in {each.verdict for each in again}, str(again)


def commits_by_itself(connection: Any) -> None:
    if callable(connection.autocommit):  # PyMySQL's
        connection.autocommit(True)
    else:
        connection.autocommit = True


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
def test_names_are_taken_as_they_are(db: str) -> None:
    """Drivers take a percent sign for the place of a parameter."""
    name = '"a%b"' if db == "postgresql" else "`a%b`"
    one, other = (f"UPDATE {name} SET n = n + 1 WHERE {name} = {number}" for number in (1, 2))
    both = {
        "postgresql": f"DO $$BEGIN {one}; COMMIT; {other}; END$$",
        "mariadb": f"BEGIN NOT ATOMIC {one}; {other}; END",
    }

    def schema(connection: Connection) -> None:
        connection.execute(text(f"CREATE TABLE {name} ({name} INT PRIMARY KEY, n INT)"))

    def two(session: Session) -> None:
        session.execute(text(f"INSERT INTO {name} VALUES (1, 0), (2, 0)"))

    def change(dbapi_connection: Any) -> None:
        commits_by_itself(dbapi_connection)
        dbapi_connection.cursor().execute(both[db])

    scenario = Scenario(Operation(change), schema=schema, setup=two)
    again = [prove.replay_crash(scenario, f"ac1:A!{AMID}@{each}.2", db=db) for each in (1, 2)]
    assert "fail" in {each.verdict for each in again}, str(again)


@pytest.mark.dear
def test_what_could_not_be_held_is_told() -> None:
    def schema(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TYPE pair AS (a INT, b INT)")
        connection.exec_driver_sql("CREATE TABLE pairs (id pair PRIMARY KEY, n INT)")

    def two(session: Session) -> None:
        session.connection().exec_driver_sql("INSERT INTO pairs VALUES ((1, 1), 0), ((2, 2), 0)")

    def change(dbapi_connection: Any) -> None:
        commits_by_itself(dbapi_connection)
        one, other = (f"UPDATE pairs SET n = 1 WHERE id = ({number}, {number})::pair" for number in (1, 2))
        dbapi_connection.cursor().execute(f"DO $$BEGIN {one}; COMMIT; {other}; END$$")

    scenario = Scenario(Operation(change), schema=schema, setup=two)
    report = prove.replay_crash(scenario, f"ac1:A!{AMID}@2.2", db="postgresql")
    assert report.verdict == "unknown", str(report)
    assert any("was not killed amid each call: the lock" in why for why in report.unknowns), str(report)


def anything(session: Session) -> None:
    """It holds in every state."""


@pytest.mark.dear
def test_several_commits_that_are_intended_are_not_torn() -> None:
    several = bank(maria_call_autocommitted, schema=with_routines(OF_MARIADB), commits="several", invariants=[anything])
    report = prove.crash(several, db="mariadb", runs_max=2, remedies=False)
    assert not report.findings, str(report)
