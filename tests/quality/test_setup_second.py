"""A time to live that the set-up and the operation write within one second is no time that the operation keeps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario
from acidity.prove.stage import clock
from tests.quality.drilled import drill

pytestmark = pytest.mark.few_or_all
HOUR_S = 3600


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it was waited; the clock of the set-up stands 0.1 s past a second, on no hour."""
    found: list[float] = []
    monkeypatch.setattr(clock, "time", SimpleNamespace(time=lambda: 1_800_000_001.1, sleep=found.append))
    return found


def made(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE kept (id INTEGER PRIMARY KEY, until INTEGER, word TEXT)"))


def reads(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE kept SET word = 'read' WHERE id = 1"))


def scenario(until: Any) -> Scenario:
    def rows(session: Session) -> None:
        session.execute(text("INSERT INTO kept VALUES (1, :until, 'new')"), {"until": until})

    return Scenario(Operation(reads), schema=made, setup=rows)


@pytest.mark.parametrize("check", [drill, prove.explore])
@pytest.mark.parametrize(
    ("until", "waits"),
    [(1_800_000_001 + HOUR_S, True), (1_800_000_001 - 7 * HOUR_S, True), (1_800_000_000 + HOUR_S, False), (7, False)],
    ids=["to live", "past", "on the hour", "no time"],
)
def test_the_second_of_the_setup_passes(check: Any, until: int, waits: Any, slept: list[float]) -> None:
    check(scenario(until))
    assert slept[:1] == ([pytest.approx(1.0)] if waits else [])


def test_no_second_is_waited_for_twice(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    later = iter([0.0, 0.0, 1.5])
    monkeypatch.setattr(clock.time, "time", lambda: 1_800_000_001.1 + next(later, 1.5))
    drill(scenario(1_800_000_001 + HOUR_S))
    assert slept == []
