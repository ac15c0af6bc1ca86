"""What the harness must fail: two commits in a row, two phases without a log, a recovery that guesses."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import Engine

from acidity.run import tables
from acidity.run.twophase import decision
from acidity.run.twophase.decision import Decision
from acidity.run.twophase.prepared import finish, prepared_in
from tests.run.twophase.faults import Databases, problems
from tests.run.twophase.test_every_step import case, checkout, write
from tests.run.twophase.test_race import told_while_recovering

PAIR = ("postgresql", "postgresql")


def one_after_the_other(engines: Databases, number: int) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(engine.connect()) for engine in engines.values()]
        for connection in connections:
            write(connection, number)
        for connection in connections:
            connection.commit()


def test_one_commit_after_the_other(pair_of: Any) -> None:
    pair = pair_of(*PAIR)
    found = problems(case(pair, one_after_the_other, recover=lambda _: []), pair.engines, ("fail-before",), first=4)
    assert any("fail-before" in each and "half" in each for each in found), found
    assert any("kill" in each and "half" in each for each in found), found


def without_a_log(engines: Databases, number: int) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(engine.connect()) for engine in engines.values()]
        transactions = [each.begin_twophase(f"nolog-{number}-{at}") for at, each in enumerate(connections)]
        for connection in connections:
            write(connection, number)
        for transaction in transactions:
            transaction.prepare()
        for transaction in transactions:
            transaction.commit()


def roll_back_all(databases: Databases) -> list[str]:
    done: list[str] = []
    for engine in databases.values():
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            found = connection.execute(
                text("SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND gid LIKE 'nolog-%'")
            ).scalars()
            for gid in found.all():
                connection.exec_driver_sql(f"ROLLBACK PREPARED '{gid}'")
                done.append(gid)
    return done


def test_two_phases_without_a_log(pair_of: Any) -> None:
    pair = pair_of(*PAIR)
    found = problems(case(pair, without_a_log, recover=roll_back_all), pair.engines, ("cut-before",), first=5)
    assert any("kill" in each and "half" in each for each in found), found
    assert any("cut-before" in each and "half" in each for each in found), found


def commit_all(databases: Databases) -> None:
    for engine in databases.values():
        for gid in _prepared(engine):
            finish(engine, gid, commit=True)


def _prepared(engine: Engine) -> Any:
    with engine.connect() as connection:
        return prepared_in(connection)


def test_a_recovery_that_commits_what_it_finds(pair_of: Any) -> None:
    pair = pair_of(*PAIR)
    found = problems(case(pair, checkout, recover=commit_all), pair.engines, (), first=10)
    assert any("half" in each for each in found), found


def test_a_recovery_that_does_nothing(pair_of: Any) -> None:
    pair = pair_of(*PAIR)
    # within one run of the harness, a branch that is left keeps its locks, and the next run would wait for it
    judged = told_while_recovering(pair, "do_commit_twophase", lambda *_: None, recover=lambda _: [], kill=True)
    assert any("half" in each for each in judged), judged


def test_a_recovery_that_does_not_wait_for_the_decision(pair_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks for the row and finds none, because the coordinator is about to commit it."""

    def look(self: Decision, engine: Engine, _wait_s: float) -> bool:
        with engine.connect() as connection:
            row = connection.execute(select(tables.decision).where(tables.decision.c.id == self.key)).one_or_none()
        return row is not None

    monkeypatch.setattr(decision.Decision, "outcome", look)
    judged = told_while_recovering(pair_of(*PAIR), "do_commit")
    assert any("half" in each for each in judged), judged
