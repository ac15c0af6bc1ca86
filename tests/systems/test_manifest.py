"""Each system of `examples/` and each of its broken twins gets the verdict, the word and the line of the manifest.

By default each on one of the engines, with a few faults; slow: every fault on every engine.
"""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from acidity import prove
from acidity.core.codes import CODES
from acidity.core.finding import Finding
from acidity.core.report import Report
from acidity.prove import Scenario
from tests.quality.drilled import drill
from tests.systems.manifest import ROOT, Entry, entries

BESIDE = ("broken", "async_scenarios", "async_broken")
ASKED = [(entry, db) for entry, db in entries() if not entry.not_applicable]


def cells(letters: str) -> list[Any]:
    """Parameters: the entries of which one of these letters is asked."""
    return [
        pytest.param(
            entry,
            db,
            id=f"{entry.target.removeprefix('examples.')}-{db}",
            marks=(pytest.mark.slow,) if set(letters).intersection(entry.slow) else (),
        )
        for entry, db in ASKED
        if set(letters).intersection(entry.letters)
    ]


def load(target: str) -> Scenario:
    module, _, name = target.partition(":")
    scenario = getattr(import_module(module), name)
    assert isinstance(scenario, Scenario)
    return scenario


@pytest.mark.one_engine
@pytest.mark.few_or_all
@pytest.mark.parametrize(("entry", "db"), cells("AC"))
def test_alone(entry: Entry, db: str) -> None:
    report = drill(load(entry.target), db=db)
    for letter in "AC":
        if asked := getattr(entry, letter):
            assert report_of(report, letter) == asked, str(report)
    if entry.word:
        found = [finding for finding in errors(report) if any(entry.word in said for said in finding.errors)]
        assert found, f"{entry.word} is not said:\n{report}"
        points_at(entry, found[0], report)


@pytest.mark.one_engine
@pytest.mark.parametrize(("entry", "db"), cells("I"))
def test_at_once(entry: Entry, db: str) -> None:
    report = prove.explore(load(entry.target), db=db, isolation_level=entry.level, runs_max=entry.runs_max)
    assert report.verdict == entry.I, str(report)
    said = [each for each in report.findings if entry.anomaly in {each.anomaly, CODES[each.code].word}]
    if entry.anomaly:
        assert said, f"{entry.anomaly} is not said:\n{report}"
        points_at(entry, said[0], report)
    elif entry.I == "pass":
        assert not report.findings, str(report)


def report_of(report: Report, letter: str) -> str:
    """What was said of a letter."""
    found = any(CODES[finding.code].letter == letter for finding in errors(report))
    return "fail" if found else "unknown" if report.verdict == "unknown" else "pass"


def errors(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity == "error"]


def points_at(entry: Entry, finding: Finding, report: Report) -> None:
    if entry.marker or entry.function:
        sites = {(site.file, site.line) for site in finding.sites}
        assert sites & entry.lines(), f"{finding.sites} instead of {entry.marker or entry.function}:\n{report}"


def test_each_scenario_is_in_the_manifest() -> None:
    """Nobody can forget one: what a system exports, and each twin."""
    named = Counter(entry.target for entry, db in entries() if db == "sqlite")
    assert not [target for target, count in named.items() if count > 1]
    for system in sorted({entry.system for entry, _ in entries()}):
        there = [system, *(f"{system}.{path.stem}" for path in modules(system))]
        for module in (f"examples.{each}" for each in there):
            for name, value in vars(import_module(module)).items():
                if isinstance(value, Scenario) and not name.startswith("_"):
                    assert f"{module}:{name}" in named


def modules(system: str) -> list[Path]:
    """Those with scenarios that the system itself does not export."""
    found = sorted(path for path in (ROOT / "examples" / system).glob("*.py") if path.stem in BESIDE)
    assert "broken" in {path.stem for path in found}
    return found


@pytest.mark.parametrize("plain", ["*/*twins.py", "*/shown/*.py"])
def test_no_twin_knows_acidity(plain: str) -> None:
    for path in sorted((ROOT / "examples").glob(plain)):
        assert "acidity" not in _imports(path), path


def _imports(path: Path) -> set[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
