"""The rarer phenomena, on engines that show them; a dirty write is one that no engine lets happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.quality.callers import Base, seed


def balance(session: Session, key: int) -> Any:
    return session.scalar(text("SELECT balance FROM accounts WHERE id = :key"), {"key": key})


def put(session: Session, key: int, amount: int) -> None:
    session.execute(text("UPDATE accounts SET balance = :amount WHERE id = :key"), {"key": key, "amount": amount})


def changes_its_mind(session: Session) -> None:
    put(session, 1, 777)
    put(session, 1, 50)
    session.commit()


def takes_back(session: Session) -> None:
    put(session, 1, 777)
    session.rollback()


def reads(session: Session) -> Any:
    found = balance(session, 1)
    session.commit()
    return found


def writes_and_reads(mine: int, theirs: int) -> Callable[[Session], Any]:
    def operation(session: Session) -> Any:
        put(session, mine, 700 + mine)
        found = balance(session, theirs)
        session.commit()
        return found

    return operation


def counts_and_inserts(counted: int, room: int) -> Callable[[Session], None]:
    def operation(session: Session) -> None:
        there = session.scalar(text("SELECT count(*) FROM bookings WHERE room = :room"), {"room": counted})
        values = {"id": 90 + counted, "room": room, "guest": f"no {there}"}
        session.execute(text("INSERT INTO bookings (id, room, guest) VALUES (:id, :room, :guest)"), values)
        session.commit()

    return operation


UNCOMMITTED = ("mariadb", "READ UNCOMMITTED")
SNAPSHOT = ("postgresql", "REPEATABLE READ")
CALLERS = [
    ("intermediate read", UNCOMMITTED, (changes_its_mind, reads)),
    ("aborted read", UNCOMMITTED, (takes_back, reads)),
    ("circular information flow", UNCOMMITTED, (writes_and_reads(1, 2), writes_and_reads(2, 1))),
    ("G2", SNAPSHOT, (counts_and_inserts(1, 2), counts_and_inserts(2, 3), counts_and_inserts(3, 1))),
]


@pytest.mark.dear
@pytest.mark.parametrize(("anomaly", "where", "callers"), CALLERS, ids=[name for name, *_ in CALLERS])
def test_it_has_its_name(anomaly: str, where: tuple[str, str], callers: tuple[Callable[..., Any], ...]) -> None:
    db, level = where
    scenario = Scenario(*map(Operation, callers), metadata=Base.metadata, setup=seed)
    report = prove.explore(scenario, db=db, isolation_level=level)
    assert {finding.anomaly for finding in report.findings} == {anomaly}


@pytest.mark.slow
@pytest.mark.parametrize(("anomaly", "where", "callers"), CALLERS, ids=[name for name, *_ in CALLERS])
def test_it_is_gone_at_the_strictest_level(
    anomaly: str, where: tuple[str, str], callers: tuple[Callable[..., Any], ...]
) -> None:
    scenario = Scenario(*map(Operation, callers), metadata=Base.metadata, setup=seed)
    report = prove.explore(scenario, db=where[0], isolation_level="SERIALIZABLE")
    assert not [finding for finding in report.findings if finding.severity == "error"]
    assert report.verdict == "pass" or len(callers) > 2, "three take more schedules than are made by default"
