"""``bind=`` of a text, a URL, a path, a mapping and an environment variable: the program connects where it is told to."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.orm import Session

from acidity import prove
from acidity.errors import ForeignDatabase, UsageError
from acidity.prove import Operation
from acidity.prove.stage.stage import Stage
from tests.engines.bank import ALICE, BOB, Account, bank, move

# What programs keep in a module; a check with bind= leads each to its Sandbox.
DSN: Any = None
SETTINGS = SimpleNamespace(database=SimpleNamespace(url="sqlite:///theirs.db"))
VARIABLE = "ACIDITY_TEST_DATABASE_URL"


def pay(url: str) -> None:
    with Session(create_engine(url)) as session, session.begin():
        move(session)


def pay_in_two(url: str) -> None:
    with Session(create_engine(url)) as session:
        session.get_one(Account, ALICE).balance -= 10
        session.commit()
        session.get_one(Account, BOB).balance += 10
        session.commit()


def by_name() -> None:
    pay(DSN)


def by_name_in_two() -> None:
    pay_in_two(DSN)


def by_environment() -> None:
    pay(os.environ[VARIABLE])


def by_environment_in_two() -> None:
    pay_in_two(os.environ[VARIABLE])


def by_settings() -> None:
    pay(SETTINGS.database.url)


def with_sqlite3() -> None:
    with closing(sqlite3.connect(DSN, uri=str(DSN).startswith("file:"))) as connection, connection:
        connection.execute("UPDATE accounts SET balance = balance - 10 WHERE id = 1")
        connection.execute("UPDATE accounts SET balance = balance + 10 WHERE id = 2")


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], str]:
    """Keep something in the module's variable; gives the text for ``bind=``."""

    def keep(value: Any) -> str:
        monkeypatch.setattr(f"{__name__}.DSN", value)
        return f"{__name__}:DSN"

    return keep


def drilled(function: Callable[..., Any], bind: str, db: str = "sqlite") -> str:
    report = prove.drill(bank(Operation(function), bind=bind), db=db, faults=["error-before"], remedies=False)
    assert not report.unknowns, str(report)
    return report.verdict


ELSEWHERE = {
    "sqlite": "sqlite:////nowhere/at/all.db",
    "postgresql": "postgresql+psycopg://app:secret@db.invalid/app",
    "mariadb": "mysql+pymysql://app:secret@db.invalid/app",
}


@pytest.mark.dear
@pytest.mark.one_in(2)
@pytest.mark.one_server
@pytest.mark.parametrize("db", ELSEWHERE)
@pytest.mark.parametrize("by", ["name", "environment"])
def test_a_url_leads_to_the_sandbox_and_back(
    by: str, db: str, kept: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, ELSEWHERE[db])
    bind = kept(ELSEWHERE[db]) if by == "name" else f"env:{VARIABLE}"
    assert drilled(by_name if by == "name" else by_environment, bind, db) == "pass"
    assert drilled(by_name_in_two if by == "name" else by_environment_in_two, bind, db) == "fail"
    assert os.environ[VARIABLE] == ELSEWHERE[db]
    assert by == "environment" or ELSEWHERE[db] == DSN


def test_a_variable_that_is_not_set_is_not_set_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert drilled(by_environment, f"env:{VARIABLE}") == "pass"
    assert VARIABLE not in os.environ


def test_a_setting_of_an_object() -> None:
    assert drilled(by_settings, f"{__name__}:SETTINGS.database.url") == "pass"
    assert SETTINGS.database.url == "sqlite:///theirs.db"


@pytest.mark.parametrize(
    "value", [make_url("sqlite:///theirs.db"), "postgresql+asyncpg://app@db.invalid/app"], ids=["URL", "another engine"]
)
def test_other_forms_of_a_url(value: Any, kept: Callable[[Any], str]) -> None:
    bind = kept(value)
    with Stage(bank(Operation(by_name), bind=bind), "sqlite", {}) as stage:
        assert type(DSN) is type(value)
        asynchronous = "async" in str(value)
        assert str(DSN) == stage.parts[""].url(asynchronous=asynchronous)
    assert DSN is value


@pytest.mark.parametrize("value", ["theirs.db", Path("theirs.db"), "file:theirs.db"], ids=["text", "Path", "file:"])
def test_what_sqlite3_takes(value: Any, kept: Callable[[Any], str]) -> None:
    assert drilled(with_sqlite3, kept(value)) == "pass"
    assert DSN is value


@pytest.mark.parametrize(
    ("db", "value", "form"),
    [
        ("postgresql", "postgresql://app@db.invalid/app", r"postgresql://acidity\w*:\w+@[^/]+/\w+"),
        ("postgresql", "postgres://app@db.invalid/app", r"postgres://acidity\w*:\w+@[^/]+/\w+"),
        ("postgresql", "host=db.invalid dbname=app", r"postgresql://acidity\w*:\w+@[^/]+/\w+"),
        ("postgresql", "postgresql+asyncpg://app@db.invalid/app", r"postgresql\+asyncpg://.*"),
        ("mariadb", {"host": "db.invalid", "user": "app"}, r"\{'host': .*'database': '.*"),
        ("mariadb", "mysql+aiomysql://app@db.invalid/app", r"mysql\+aiomysql://.*"),
    ],
    ids=["libpq", "postgres", "words", "asyncpg", "mapping", "aiomysql"],
)
def test_the_form_is_kept_on_servers(db: str, value: Any, form: str, kept: Callable[[Any], str]) -> None:
    import re

    with Stage(bank(Operation(by_name), bind=kept(value)), db, {}):
        assert re.fullmatch(form, str(DSN), re.DOTALL), DSN
        assert "db.invalid" not in str(DSN)
    assert DSN is value


def test_without_bind_it_is_refused(kept: Callable[[Any], str]) -> None:
    kept("sqlite:///theirs.db")
    with pytest.raises(ForeignDatabase):
        prove.drill(bank(Operation(by_name)), faults=["error-before"], remedies=False)
    assert not Path("theirs.db").exists()


def test_what_cannot_lead_there_is_a_usage_error(kept: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch) -> None:
    for value, message in [(7, "is of type int, neither"), ({"host": "x"}, "a mapping leads to no database of sqlite")]:
        with pytest.raises(UsageError, match=message):
            prove.drill(bank(Operation(by_name), bind=kept(value)))
    frozen = type("Frozen", (), {"__slots__": (), "url": property(lambda self: "sqlite:///x")})()
    monkeypatch.setattr(f"{__name__}.SETTINGS", frozen)
    with pytest.raises(UsageError, match="cannot lead to another database"):
        prove.drill(bank(Operation(by_name), bind=f"{__name__}:SETTINGS.url"))
