"""The table of traps is what runs: the drill says of every program what the table says, and passes its mended twin."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Scenario
from tests.quality import traps
from tests.quality.drilled import drill
from tests.quality.trap_table import ATOMIC, MENDED, NO_PROGRAM, UNKNOWN, Row, load, rows


def drilled() -> list[Any]:
    """Parameters: a program on an engine, with the lines of the table about it."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows():
        if not row.verdict.startswith(NO_PROGRAM):
            groups.setdefault((row.program, row.engine), []).append(row)
    seen: set[str] = set()
    made = []
    for group in groups.values():  # the first engine of a program is drilled wholly, on the others its line is replayed
        program = group[0].program
        marks = pytest.mark.slow if program in seen and not group[0].verdict.startswith((UNKNOWN, "passes")) else ()
        seen.add(program)
        made.append(pytest.param(group, id=f"{group[0].number}-{program}-{group[0].db}", marks=marks))
    return made


def words(report: Report) -> set[str]:
    return {word for finding in report.findings for word in finding.errors}


def shows(row: Row) -> None:
    """The run that the table names ends as it says, with the engine's own error on the way."""
    run = prove.replay(load(row.program), row.at, db=row.db, settings=row.settings)
    said = "inconsistent" if run.broken and run.word == "right" else run.word
    assert (run.verdict, said) == ("fail", row.verdict), run
    assert row.code in " ".join(f"{event.reply.code} {event.reply.error}" for event in run.history), run.history


FAILS = [row for row in rows() if row.at and not row.verdict.startswith((UNKNOWN, NO_PROGRAM, "passes"))]


@pytest.mark.one_engine
@pytest.mark.parametrize("row", FAILS, ids=lambda row: f"{row.number}-{row.program}-{row.db}")
def test_the_run_of_a_line_ends_as_it_says(row: Row) -> None:
    shows(row)


@pytest.mark.dear
@pytest.mark.one_in(3)
@pytest.mark.one_engine
@pytest.mark.few_or_all
@pytest.mark.parametrize("group", drilled())
def test_the_drill_says_what_the_table_says(group: list[Row]) -> None:
    row = group[0]
    faults = [name for each in group for name in each.fault]
    report = drill(load(row.program), *faults, db=row.db, settings=row.settings)
    if row.verdict == "passes":
        assert report.verdict == "pass", str(report)
        return
    if row.verdict.startswith(UNKNOWN):
        assert report.verdict == "unknown", str(report)
        assert row.verdict.removeprefix(UNKNOWN) in report.unknowns[0]
    else:
        assert report.verdict == "fail", str(report)
        assert {each.verdict for each in group} <= words(report), str(report)
    mended = drill(load(row.program + MENDED), *faults, db=row.db, settings=row.settings)
    assert mended.verdict == "pass", str(mended)


def test_the_table_knows_all_traps_and_programs() -> None:
    table = rows()
    assert {row.number for row in table} == set(range(1, 22))
    without = {row.number for row in table if row.verdict.startswith(NO_PROGRAM)}
    assert without == {2, 14, 19}
    assert not without & {row.number for row in table if row.program != "–"}
    programs = {row.program for row in table if row.number not in without}
    found = {
        f"{module.name}:{name}"
        for module in iter_modules(traps.__path__)
        for name, value in vars(import_module(f"{traps.__name__}.{module.name}")).items()
        if isinstance(value, Scenario)
    }
    mended = {program + MENDED for program in programs}
    with_atomic = {row.program + ATOMIC for row in table if not row.atomic.startswith(NO_PROGRAM) and row.number != 2}
    assert found == programs | mended | with_atomic
