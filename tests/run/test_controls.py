"""What is written by hand fails and passes where docs/run/peers.md says, and `atomic` passes everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from acidity import prove
from acidity.core.outcome import Rows, Told
from acidity.prove import Scenario
from tests.quality.drilled import drill
from tests.run import bank, controls
from tests.run.conftest import ENGINES
from tests.run.tables import names_in, table_in

PASSES = {"passes, in doubt": Told.UNKNOWN, "passes, in no doubt": Told.OK}
# Drilled by default: each control that passes, on one engine; the others under the marker `slow`.
DRILLED = {
    ("commit", "postgresql"),
    ("commit_async", "mariadb"),
    ("begin", "sqlite"),
    ("begin_async", "sqlite"),
    ("tenacity_by_code", "mariadb"),
}


def rows() -> list[tuple[str, str, str, str]]:
    """Program, engine, verdict, schedule."""
    return [
        (program, engine, verdict, at.strip("`"))
        for _, programs, engines, verdict, at in table_in("run/peers.md", "Written by hand")
        for program in names_in(programs)
        for engine in names_in(engines)
    ]


def passing() -> list[Any]:
    """Parameters: what is said to pass, with the large part marked."""
    return [
        pytest.param(program, engine, marks=() if (program, engine) in DRILLED else pytest.mark.slow)
        for program, engine, verdict, _ in rows()
        if verdict in PASSES
    ]


def scenario(program: str) -> Scenario:
    return bank.scenario(getattr(controls, program))


@pytest.mark.one_in(2)
@pytest.mark.one_engine
@pytest.mark.parametrize(("program", "db", "verdict", "at"), rows())
def test_the_run_ends_as_the_table_says(program: str, db: str, verdict: str, at: str) -> None:
    run = prove.replay(scenario(program), at, db=db)
    assert run.struck
    if verdict in PASSES:
        assert (run.told, run.rows, run.word) == (PASSES[verdict], Rows.AFTER, "right"), run
    else:
        assert (run.verdict, run.word) == ("fail", verdict), run


@pytest.mark.dear
@pytest.mark.one_in(2)
@pytest.mark.few_or_all
@pytest.mark.parametrize(("program", "db"), passing())
def test_what_passes_passes_every_fault(program: str, db: str) -> None:
    drill(scenario(program), db=db).raise_for_findings()


def test_every_control_is_in_the_table_on_every_engine() -> None:
    said = {(program, engine) for program, engine, _, _ in rows()}
    programs = {program for program, _ in said}
    made = {name for name, each in vars(controls).items() if getattr(each, "__module__", "") == controls.__name__}
    assert made | {"atomic", "atomic_async", "resolved", "resolved_async"} == programs
    assert said == {(program, engine) for program in programs for engine in ENGINES} - {("retry_by_class", "sqlite")}
    assert {(program, engine) for program, engine, verdict, _ in rows() if verdict in PASSES} >= DRILLED
