"""The traps of SQLAlchemy and its drivers, with `atomic`: the last column of docs/traps.md is what runs.

What plain SQLAlchemy does in each is the matter of tests/quality/test_traps.py; trap 2 needs Python 3.12 and is asked in
test_python312.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, exc, select
from sqlalchemy.orm import Session

from acidity import errors, prove, run
from acidity.core.outcome import Rows
from acidity.prove import Operation, Replay, Scenario
from tests.quality.drilled import drill
from tests.quality.trap_table import ATOMIC, NO_PROGRAM, Row, load, rows
from tests.quality.traps import ledger, sqlite_defaults

PASSES, REFUSED, TOO_LATE = "passes", "refused: ", "said too late: "
THIS_RUN = "passes at `"


def groups(*verdicts: str) -> list[Any]:
    """Parameters: a program on an engine, with the lines of the table about it; the drill on servers is slow."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows():
        if row.program != "–" and row.atomic.startswith(verdicts):
            found.setdefault((row.program, row.engine), []).append(row)
    return [pytest.param(group, id=f"{group[0].number}-{group[0].program}-{group[0].db}") for group in found.values()]


def on_sqlite_or_slow(parameters: list[Any]) -> list[Any]:
    return [
        each if each.values[0][0].db == "sqlite" else pytest.param(*each.values, id=each.id, marks=pytest.mark.slow)
        for each in parameters
    ]


def error_in(row: Row) -> type[Exception]:
    name = row.atomic.partition(": ")[2]
    (found,) = {getattr(module, name) for module in (run, errors, exc) if hasattr(module, name)}
    assert isinstance(found, type)
    return found


def scenario_of(row: Row) -> Scenario:
    """The program with `atomic`; where the table says that it is refused, that is expected."""
    scenario = load(row.program + ATOMIC)
    if not row.atomic.startswith(REFUSED):
        return scenario
    (old,) = scenario.operations
    operation = Operation(old.function, *old.arguments, raises=error_in(row), **old.keywords)
    return Scenario(
        operation,
        metadata=scenario.metadata,
        setup=scenario.setup,
        invariants=scenario.invariants,
        bind=scenario.bind,
        effects=scenario.effects,
    )


def replayed(row: Row, at: str) -> Replay:
    return prove.replay(scenario_of(row), at, db=row.db, settings=row.settings)


@pytest.mark.one_engine
@pytest.mark.parametrize("group", groups(PASSES))
@pytest.mark.one_in(2)
def test_the_run_that_shows_the_trap_is_survived(group: list[Row]) -> None:
    """The same fault at the same statement; on SQLite the unit's BEGIN is a call too, and comes before it."""
    for row in group:
        if row.at and row.db != "sqlite":
            at = row.atomic.removeprefix(THIS_RUN) if row.atomic.startswith(THIS_RUN) else row.at
            run = replayed(row, at)
            assert run.verdict == "pass", run
            assert run.struck or at == "ac1:", run


@pytest.mark.one_engine
@pytest.mark.parametrize("group", groups(REFUSED))
@pytest.mark.one_in(2)
def test_what_is_refused_is_refused_before_harm(group: list[Row]) -> None:
    ended = replayed(group[0], "ac1:")
    assert (ended.verdict, ended.rows, ended.ending.exception) == ("pass", Rows.BEFORE, error_in(group[0]).__name__)


@pytest.mark.dear
@pytest.mark.one_in(4)
@pytest.mark.few_or_all
@pytest.mark.parametrize("group", on_sqlite_or_slow(groups(PASSES, REFUSED)))
def test_every_fault_is_survived(group: list[Row]) -> None:
    if not group[0].atomic.startswith(THIS_RUN):
        # Refused before its first statement, a unit sends a ROLLBACK, which is struck by a lost connection only.
        drill(scenario_of(group[0]), "connection-lost", db=group[0].db, settings=group[0].settings).raise_for_findings()


@pytest.mark.parametrize("group", groups(TOO_LATE))
def test_what_is_done_past_sqlalchemy_is_said_at_the_end(group: list[Row], tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/bank.db")
    ledger.Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        ledger.seed(session)
    with pytest.raises(error_in(group[0]), match="behind SQLAlchemy"):
        load(group[0].program + ATOMIC).operations[0].function(engine)
    with Session(engine) as session:
        assert session.scalars(select(ledger.Account.balance).order_by(ledger.Account.id)).all() == [90, 110]
    engine.dispose()


def test_every_line_is_checked() -> None:
    said = (PASSES, REFUSED, TOO_LATE, NO_PROGRAM)
    assert [row for row in rows() if not row.atomic.startswith(said)] == []
    assert {row.number for row in rows() if row.atomic.startswith(NO_PROGRAM)} == {7, 14, 19}
    assert sqlite_defaults.script_on_engine_atomic
