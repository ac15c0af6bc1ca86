"""The drill on the budget example: what is shipped passes A and C, every twin fails with the manifest's word and site.

By default on one engine each, with a few faults; the transfer with every fault on each engine, and one twin with
its remedies. Slow: every target with every fault on each engine, and a part of them, which uses all that drivers do
differently, through every driver.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from acidity import prove
from acidity.core.call import Kind
from acidity.core.finding import Finding
from acidity.core.report import Card, Report
from acidity.engines import ENGINES
from acidity.prove import Scenario
from examples.budget import manifest
from examples.budget.manifest import EXPECTED, Expected
from tests.quality.drilled import check, drill

ROOT = Path(__file__).parents[2]
BY_A_STRANGER = " by a stranger's commit"
SHIPPED = ("examples.budget", "examples.budget.async_scenarios")
BROKEN = ("examples.budget.twins", "examples.budget.async_twins")
# What is run through every driver: two operations that pass, and one twin for each way to be wrong.
PART = ("transfer", "merge", "two_sessions", "as_in_the_text", "flushed_at_once")
WRITE = ("transfer", "transfer_one_cent", "merge")  # the shipped ones that are not refused and do not only read


def scenarios(*modules: str) -> list[str]:
    """The targets ``module:name`` of every public Scenario."""
    return [
        f"{module}:{name}"
        for module in modules
        for name, value in vars(import_module(module)).items()
        if isinstance(value, Scenario) and not name.startswith("_")
    ]


def other_drivers() -> Iterator[tuple[str, bool]]:
    """``db=``, and whether it is for asyncio, of every driver that an engine knows beside its usual ones."""
    for name in ENGINES:
        pairs = vars(sys.modules[type(ENGINES[name]).__module__])["DRIVERS"]
        if not isinstance(pairs, Mapping):
            continue  # one driver of each kind
        for asynchronous in (False, True):
            seen = {pairs[""][asynchronous]}
            for driver, pair in pairs.items():
                if pair[asynchronous] not in seen:
                    seen.add(pair[asynchronous])
                    yield f"{name}+{driver}", asynchronous


def places(target: str) -> Iterator[Any]:
    """Where a target is drilled: every engine with its usual driver, and a part of the targets with the others."""
    yield from ENGINES
    if target.partition(":")[2] in PART:
        for db, asynchronous in other_drivers():
            if asynchronous == ("async" in target):
                built = db.endswith("+mysqldb")  # from source, which not every machine can
                yield pytest.param(db, marks=pytest.mark.mysqlclient) if built else db


def crossed(targets: dict[str, Any]) -> list[Any]:
    """Parameters: each target on each of its places; the second drivers of an engine are slow."""
    made = []
    for target, value in targets.items():
        for place in places(target):
            db, marks = (place, ()) if isinstance(place, str) else (place.values[0], place.marks)
            if "+" in db and not marks:
                marks = pytest.mark.slow
            made.append(pytest.param(value, db, marks=marks, id=f"{target.removeprefix('examples.budget')}-{db}"))
    return made


def load(target: str) -> Scenario:
    module, _, name = target.partition(":")
    scenario = getattr(import_module(module), name)
    assert isinstance(scenario, Scenario)
    return scenario


def lines(row: Expected) -> set[int]:
    """The lines that the manifest names, by a comment or by the name of a function."""
    source = (ROOT / row.file).read_text(encoding="utf-8")
    if row.marker:
        return {number for number, line in enumerate(source.splitlines(), 1) if f"# {row.marker}" in line}
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == row.function
    ]
    return {line for node in functions for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def errors(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity == "error"]


def says(finding: Finding, word: str) -> bool:
    return any(word in {said, said.removesuffix(BY_A_STRANGER)} for said in finding.errors)


@pytest.mark.one_way
@pytest.mark.one_engine
@pytest.mark.few_or_all
@pytest.mark.parametrize(("target", "db"), crossed({target: target for target in scenarios(*SHIPPED)}))
def test_shipped_passes(target: str, db: str) -> None:
    letters = "ACI" if target.partition(":")[2] in WRITE else "AC"
    passes(check(load(target), db=db, letters=letters), letters)


@pytest.mark.parametrize("name", ["summary", "transfer_zero"])
def test_what_only_reads_is_isolated_without_running_it_at_once(name: str) -> None:
    card = check(load(f"examples.budget:{name}"), letters="I")
    passes(card, "I")
    report = card.letters["I"]
    assert isinstance(report, Report)
    assert (report.runs, report.headline) == (0, "2 callers: they only read, so that all orders come to the same")


@pytest.mark.one_server
@pytest.mark.parametrize("db", list(ENGINES))
def test_the_transfer_passes_every_fault_on_each_engine(db: str) -> None:
    letters = "ACID" if db == "sqlite" else "ACI"  # of servers D is asked in test_crash_servers
    passes(prove.check(load("examples.budget:transfer"), db=db, letters=letters), letters)


def passes(card: Card, letters: str = "ACI") -> None:
    for letter in letters:
        report = card.letters[letter]
        assert isinstance(report, Report), (letter, report)
        assert report.letter_state == "pass", str(card)


@pytest.mark.one_way
@pytest.mark.one_engine
@pytest.mark.few_or_all
@pytest.mark.parametrize(("row", "db"), crossed({row.scenario: row for row in EXPECTED}))
def test_twin_has_its_words_and_sites(row: Expected, db: str) -> None:
    scenario = load(row.scenario)
    report = prove.explore(scenario, db=db) if row.at_once else drill(scenario, db=db)
    words = row.words_on(db.partition("+")[0])
    assert report.verdict == ("fail" if words else "pass"), str(report)
    for word in words:
        found = [finding for finding in errors(report) if says(finding, word)]
        assert found, f"{word} is not said:\n{report}"
        sites = [(site.file, site.line) for site in found[0].sites]
        assert any(Path(file).as_posix().endswith(row.file) and line in lines(row) for file, line in sites), (
            f"{sites} does not point at {row.file}: {row.marker or row.function}\n{report}"
        )
    if row.scenario.endswith(":as_in_the_text"):  # and it fails in no other way; letter C sees the same end state
        assert {word for finding in errors(report) for word in finding.errors} - {"inconsistent"} == {
            "false failure"
        }, str(report)


def test_what_takes_two_callers_is_nothing_that_one_shows() -> None:
    (row,) = [row for row in EXPECTED if row.at_once and row.file == manifest.SYNC]
    passes(check(load(row.scenario), letters="AC"), "AC")


@pytest.mark.one_server
@pytest.mark.parametrize("db", list(ENGINES))
@pytest.mark.parametrize("module", BROKEN)
def test_rows_that_are_flushed_at_once_are_as_many_inserts_as_the_engine_needs(module: str, db: str) -> None:
    clean = prove.replay(load(f"{module}:flushed_at_once"), "ac1:", db=db)
    inserts = [event for event in clean.history if event.call.kind is Kind.STATEMENT and "INSERT" in event.call.sql]
    assert len(inserts) == (2 if db == "sqlite" else 1)


def test_every_twin_is_in_the_manifest() -> None:
    assert set(scenarios(*BROKEN)) == {row.scenario for row in EXPECTED}
    assert len({row.scenario for row in EXPECTED}) == len(EXPECTED)


def test_the_manifest_knows_every_engine() -> None:
    assert set(manifest.ENGINES) == set(ENGINES)
    for row in EXPECTED:
        assert all(set(other.engines) < set(ENGINES) and other.why for other in row.elsewhere), row.scenario
        named = [engine for other in row.elsewhere for engine in other.engines]
        assert len(named) == len(set(named)), row.scenario


@pytest.mark.parametrize("row", EXPECTED, ids=lambda row: row.scenario)
def test_the_manifest_names_lines_that_exist(row: Expected) -> None:
    assert bool(row.marker) != bool(row.function)
    assert lines(row)
    assert row.words
    assert row.why
