"""The drill on the budget example: what is shipped passes A and C, every twin fails with the manifest's word and site."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from acidity import prove
from acidity.core.finding import Finding
from acidity.core.report import Report
from acidity.prove import Scenario
from examples.budget.manifest import EXPECTED, Expected

ROOT = Path(__file__).parents[2]
BY_A_STRANGER = " by a stranger's commit"
SHIPPED = ["examples.budget", "examples.budget.async_scenarios"]
BROKEN = ["examples.budget.twins", "examples.budget.async_twins"]
AS_IN_THE_TEXT = [row for row in EXPECTED if row.scenario.endswith(":as_in_the_text")]


def scenarios(*modules: str) -> list[str]:
    """The targets ``module:name`` of every public Scenario; those of async modules only where aiosqlite is."""
    return [
        f"{module}:{name}"
        for module in modules
        if "async" not in module or find_spec("aiosqlite")
        for name, value in vars(import_module(module)).items()
        if isinstance(value, Scenario) and not name.startswith("_")
    ]


def load(target: str) -> Scenario:
    if "async" in target:
        pytest.importorskip("aiosqlite")
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
    return word in {finding.word, finding.word.removesuffix(BY_A_STRANGER)}


@pytest.mark.parametrize("target", scenarios(*SHIPPED))
def test_shipped_passes(target: str) -> None:
    card = prove.check(load(target), db="sqlite")
    for letter in "AC":
        report = card.letters[letter]
        assert isinstance(report, Report), (letter, report)
        assert report.letter_state == "pass", str(card)


@pytest.mark.parametrize("row", EXPECTED, ids=lambda row: f"{row.scenario}-{row.engine}")
def test_twin_fails_with_its_word_and_site(row: Expected) -> None:
    report = prove.drill(load(row.scenario), db=row.engine)
    assert report.verdict == "fail", str(report)
    for word in row.words:
        found = [finding for finding in errors(report) if says(finding, word)]
        assert found, f"{word} is not said:\n{report}"
        sites = [(site.file, site.line) for site in found[0].sites]
        assert any(Path(file).as_posix().endswith(row.file) and line in lines(row) for file, line in sites), (
            f"{sites} does not point at {row.file}: {row.marker or row.function}\n{report}"
        )


@pytest.mark.parametrize("row", AS_IN_THE_TEXT, ids=lambda row: row.scenario)
def test_the_text_fails_in_no_other_way(row: Expected) -> None:
    report = prove.drill(load(row.scenario), db=row.engine)
    words = {finding.word for finding in errors(report)} - {"inconsistent"}  # letter C sees the same end state
    assert words == {"false failure"}, str(report)


def test_every_twin_is_in_the_manifest() -> None:
    assert set(scenarios(*BROKEN)) <= {row.scenario for row in EXPECTED}
    assert len({(row.scenario, row.engine) for row in EXPECTED}) == len(EXPECTED)


@pytest.mark.parametrize("row", EXPECTED, ids=lambda row: f"{row.scenario}-{row.engine}")
def test_the_manifest_names_lines_that_exist(row: Expected) -> None:
    assert bool(row.marker) != bool(row.function)
    assert lines(row)
    assert row.words
    assert row.why
