"""Recovery while a coordinator is alive, or has just lost its database: paused at a certain step, in every order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, event, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from acidity.run import recover_two_phase, tables
from acidity.run.twophase import decision
from acidity.run.twophase.decision import Decision
from tests.run.twophase.faults import Strike, cut, driver_of, in_doubt, is_there, judge, steps_of, told
from tests.run.twophase.programs import NUMBERS, checkout

Action = Callable[[Any, dict[str, Any]], Any]


def recover(_subject: Any, databases: dict[str, Any]) -> list[str]:
    return [each.outcome for each in recover_two_phase(wait_s=0.01, **databases)]


def cut_and_recover(subject: Any, databases: dict[str, Any]) -> list[str]:
    cut(driver_of(subject), close=False)
    return [each.outcome for each in recover_two_phase(wait_s=5, **databases)]


def told_while_recovering(pair: Any, step: str, action: Action = recover, *, seen: Any = None) -> list[str]:
    """Pause before the first step of this name, act, and go on: what the judge says after recovery."""
    databases = impatient(pair)
    at, number = steps_of(pair.urls, checkout, next(NUMBERS)).index(step) + 1, next(NUMBERS)
    outcomes: list[Any] = []
    strike = Strike(at, lambda subject: outcomes.append(action(subject, databases)))
    answer = told(pair.urls, checkout, strike, number)
    try:
        found = list(judge(pair.engines, number, answer))
    finally:
        recover_two_phase(**pair.engines)
    if seen is not None:
        seen.update(told=answer, outcomes=outcomes, number=number)
    return found


def impatient(pair: Any) -> dict[str, Any]:
    """SQLite would wait for its busy time-out."""
    return {
        name: create_engine(url, connect_args={"timeout": 0}, poolclass=NullPool)
        if "sqlite" in url
        else pair.engines[name]
        for name, url in pair.urls.items()
    }


@pytest.mark.dear
def test_a_coordinator_that_is_deciding_is_left_alone(pair: Any) -> None:
    seen: dict[str, Any] = {}
    assert told_while_recovering(pair, "do_commit", seen=seen) == []
    assert (seen["told"], seen["outcomes"]) == ("ok", [["in progress"]])


def test_a_coordinator_that_has_decided(pair: Any) -> None:
    """On PostgreSQL recovery is faster, and the coordinator takes that well; MariaDB's branch is still held."""
    seen: dict[str, Any] = {}
    assert told_while_recovering(pair, "do_commit_twophase", seen=seen) == []
    faster = pair.engines["stock"].dialect.name == "postgresql"
    assert (seen["told"], seen["outcomes"]) == ("ok", [["committed" if faster else "in progress"]])


@pytest.mark.parametrize("engines", [("postgresql", "postgresql"), ("postgresql", "mariadb")], ids="+".join)
def test_a_coordinator_that_lost_its_database_before_the_decision(pair_of: Any, engines: Any) -> None:
    seen: dict[str, Any] = {}
    pair = pair_of(*engines)
    assert told_while_recovering(pair, "do_commit", cut_and_recover, seen=seen) == []
    faster = engines[1] == "postgresql"
    assert (seen["told"], seen["outcomes"]) == ("failed", [["rolled back" if faster else "in progress"]])
    assert not any(is_there(engine, seen["number"]) for engine in pair.engines.values())


def test_a_unit_that_lives_rolls_back_itself(pair_of: Any) -> None:
    """The answer to PREPARE is lost: no recovery is needed."""
    pair = pair_of("postgresql", "postgresql")
    at = steps_of(pair.urls, checkout, next(NUMBERS)).index("do_prepare_twophase") + 1
    assert told(pair.urls, checkout, Strike(at, None), next(NUMBERS)) == "failed"
    assert in_doubt(pair.engines) == []


@pytest.mark.parametrize("committed", [False, True])
def test_nobody_answers_what_was_decided(pair_of: Any, *, committed: bool) -> None:
    pair = pair_of("postgresql", "mariadb")
    gone: list[bool] = []

    def program(engines: Any, number: int) -> None:
        @event.listens_for(engines["orders"], "do_connect")
        def refuse(*_: Any) -> None:
            if gone:
                raise OperationalError("", {}, Exception("the database is away"))

        checkout(engines, number)

    def lose(subject: Any) -> None:
        gone.append(True)
        if committed:
            driver_of(subject).commit()
        cut(driver_of(subject), close=True)

    at, number = steps_of(pair.urls, program, next(NUMBERS)).index("do_commit") + 1, next(NUMBERS)
    assert told(pair.urls, program, Strike(at, lose), number) == "unknown"
    assert list(judge(pair.engines, number, "unknown")) == []
    assert is_there(pair.engines["stock"], number) is committed


def test_a_recovery_that_does_not_wait_for_the_decision_is_found_out(
    pair_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks for the row and finds none, because the coordinator is about to commit it."""

    def look(self: Decision, engine: Engine, _wait_s: float) -> bool:
        with engine.connect() as connection:
            row = connection.execute(select(tables.decision).where(tables.decision.c.id == self.key)).one_or_none()
        return row is not None

    monkeypatch.setattr(decision.Decision, "outcome", look)
    judged = told_while_recovering(pair_of("postgresql", "postgresql"), "do_commit")
    assert any("half" in each for each in judged), judged
