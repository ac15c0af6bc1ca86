"""Letter I: a token that a caller answers, or sends, stands in the rows if it does in a serial order."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.tiers import SERVERS, mostly_slow

MADE: dict[str, Callable[[], str]] = {
    "uuid": lambda: str(uuid4()),
    "urlsafe": lambda: secrets.token_urlsafe(16),
    "prefixed": lambda: f"tok_{uuid4().hex}",
}
SENT: list[str] = []


def schema(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE tokens (id INTEGER PRIMARY KEY, token VARCHAR(80))"))


def setup(session: Session) -> None:
    session.execute(text("INSERT INTO tokens (id) VALUES (1)"))


def send(token: str) -> None:
    SENT.append(f"/join/{token}")


def gets_or_creates(session: Session, made: str, *, lock: str = "", sends: bool = False) -> dict[str, Any]:
    token = session.execute(text(f"SELECT token FROM tokens WHERE id = 1{lock}")).scalar()
    if token is None:
        token = MADE[made]()
        session.execute(text("UPDATE tokens SET token = :token WHERE id = 1"), {"token": token})
    session.commit()
    if sends:
        send(token)
        return {}
    return {"token": token}


def creates_if_none(session: Session, made: str) -> dict[str, Any]:
    """The database says whose it is."""
    where = "WHERE id = 1 AND token IS NULL"
    session.execute(text(f"UPDATE tokens SET token = :token {where}"), {"token": MADE[made]()})
    token = session.execute(text("SELECT token FROM tokens WHERE id = 1")).scalar()
    session.commit()
    return {"token": token}


def renews(session: Session, made: str) -> str:
    """In each order that of one of them is gone, and that is meant."""
    token = MADE[made]()
    session.execute(text("UPDATE tokens SET token = :token WHERE id = 1"), {"token": token})
    session.commit()
    return token


def explored(function: Callable[..., Any], made: str, *, effects: Any = (), **options: Any) -> prove.Report:
    db = options.pop("db", "sqlite")
    operation = Operation(function, made, **options)
    return prove.explore(Scenario(operation, schema=schema, setup=setup, effects=effects), db=db)


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("made", MADE)
def test_a_token_that_no_row_holds_is_a_wrong_answer(made: str, db: str) -> None:
    """Each has made one, and one is written over the other."""
    report = explored(gets_or_creates, made, db=db)
    assert report.verdict == "fail"
    (finding,) = [each for each in report.findings if each.severity == "error"]
    assert finding.anomaly == "lost update"
    assert finding.title.startswith("B answered {'token': '")
    assert finding.title.endswith(", which no row holds; after A then B one does")


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
def test_one_that_is_sent_is_as_wrong(db: str) -> None:
    report = explored(gets_or_creates, "uuid", effects=[send], sends=True, db=db)
    assert report.verdict == "fail"
    assert all("send was told" in finding.title for finding in report.findings), str(report)
    assert all("which no row holds" in finding.title for finding in report.findings), str(report)


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("function", [creates_if_none, renews])
def test_the_right_twins_pass(function: Callable[..., Any], made: str, db: str) -> None:
    report = explored(function, made, db=db)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)


@pytest.mark.slow
@pytest.mark.one_server
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize("made", MADE)
def test_so_does_the_one_that_locks(made: str, db: str) -> None:
    report = explored(gets_or_creates, made, db=db, lock=" FOR UPDATE")
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
