"""Published packages fall where docs/run/peers.md says, and the same program with `atomic` does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.quality.drilled import drill
from tests.quality.published.legs import NotRun
from tests.quality.published.manifest import USES, Use
from tests.quality.published.struck import struck
from tests.run import peers
from tests.run.tables import table_in

DB = "postgresql"
WRITTEN = {"after": "written", "before": "not written", "doubled": "written twice", "torn": "half written"}
WITH_ATOMIC = {
    "dbop:closed": peers.closed,
    "dbos_steps:outside": peers.resolved,
    "tenacious:any_error": peers.resolved,
    "alchemiq_units:caught": peers.caught,
    "cockroach:on_engine": peers.resolved,
    "pgtransactions:retried": peers.resolved,
    "subatomic:whole": peers.required,
}
ROWS = table_in("run/peers.md", "Published packages")


def use_in(row: list[str]) -> Use:
    package, _, version = row[0].partition(" ")
    (use,) = [use for use in USES if use.package == package and use.use == row[1]]
    assert use.leg.requirements[package.lower()] == version
    return use


def at_in(row: list[str]) -> str:
    return row[2].strip("`")


def line(ended: Mapping[str, str]) -> str:
    said = f"raises {ended['exception']}" if ended["exception"] else "returns"
    return f"{said}; {WRITTEN[ended['rows']]}"


def name(row: Any) -> str:
    return row[0].replace(" ", "-")


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=name)
def test_the_package_does_what_the_table_says(row: list[str]) -> None:
    use = use_in(row)
    try:
        ended = use.leg.struck(f"tests.quality.published.{use.target}", use.db, at_in(row))
    except NotRun as reason:
        pytest.skip(f"not run: {reason}")
    assert line(ended) == row[3]


@pytest.mark.dear
@pytest.mark.parametrize("row", ROWS, ids=name)
def test_the_same_with_atomic_does_what_the_table_says(row: list[str]) -> None:
    ended = struck(WITH_ATOMIC[use_in(row).target], DB, at_in(row))
    assert (line(ended), ended["word"]) == (row[4], "right")
    assert row[3] != row[4]


@pytest.mark.few_or_all
@pytest.mark.parametrize("db", ["sqlite", pytest.param(DB, marks=pytest.mark.slow)])
@pytest.mark.parametrize("program", ["closed", "resolved", "required", "caught_without_effect"])
def test_with_atomic_every_fault_is_survived(program: str, db: str) -> None:
    drill(getattr(peers, program), db=db).raise_for_findings()


def test_every_use_that_falls_is_in_the_table() -> None:
    said = {use_in(row).target for row in ROWS}
    assert said == set(WITH_ATOMIC)
    assert {use.target for use in USES if use.words} <= said
    assert {use.package for use in USES} == {use_in(row).package for row in ROWS}
