"""Each system of `examples/` and each of its broken twins gets the verdicts, the words and the lines of the manifest.

By default every other one on one of the engines, with a few faults, a function or the same as a coroutine; slow: every fault on
every engine, both ways, and every pair of operations at once as `acidity check` lets them; and through every driver
what uses all that drivers do differently.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from acidity import prove
from acidity.core.codes import CODES
from acidity.core.finding import Finding
from acidity.core.report import Report
from acidity.engines import ENGINES
from acidity.prove import Scenario
from acidity.prove.explore.explore import LETTER_MAX
from tests.quality.drilled import check
from tests.systems.manifest import ROOT, Entry, entries

ALL = list(entries())
ASKED = [(entry, db) for entry, db in ALL if not entry.not_applicable]
BOTH_WAYS = [pytest.param(False, id="together"), pytest.param(True, id="pairs", marks=pytest.mark.slow)]


def cells(letters: str) -> list[Any]:
    """Parameters: the entries of which one of these letters is asked, on every engine, and where that is said with
    every driver of it."""
    return [
        pytest.param(
            entry, place, id=f"{entry.target.removeprefix('examples.')}-{place}", marks=marks(entry, place, letters)
        )
        for entry, db in ASKED
        if set(letters).intersection(entry.letters)
        for place in (db, *other_drivers(entry, db))
    ]


def marks(entry: Entry, place: str, letters: str) -> list[pytest.MarkDecorator]:
    if place.endswith("+mysqldb"):  # from source, which not every machine can
        return [pytest.mark.mysqlclient]
    return [pytest.mark.slow] if "+" in place or set(letters).intersection(entry.slow) else []


def other_drivers(entry: Entry, db: str) -> Iterator[str]:
    """``db=`` of every driver beside the usual one that the engine knows for functions, or for coroutines."""
    pairs = vars(sys.modules[type(ENGINES[db]).__module__])["DRIVERS"]
    if not entry.every_driver or not isinstance(pairs, Mapping):
        return  # one driver of each kind
    asynchronous = ".async_" in entry.module
    seen = {pairs[""][asynchronous]}
    for driver, pair in pairs.items():
        if pair[asynchronous] not in seen:
            seen.add(pair[asynchronous])
            yield f"{db}+{driver}"


@pytest.mark.one_way
@pytest.mark.one_engine
@pytest.mark.one_in(8)
@pytest.mark.few_or_all
@pytest.mark.parametrize(("entry", "db"), cells("AC"))
def test_alone(entry: Entry, db: str) -> None:
    card = check(entry.scenario, *entry.needs, db=db, letters="AC")
    reports = [report for report in card.letters.values() if isinstance(report, Report)]
    said = {letter: report.letter_state for letter, report in zip("AC", reports, strict=True)}
    assert said == {letter: getattr(entry, letter) for letter in "AC"}, str(card)
    assert entry.classifier in reports[0].classifier
    if entry.word:
        found = [
            each for report in reports for each in errors(report) if any(entry.word in word for word in each.errors)
        ]
        assert found, f"{entry.word} is not said:\n{card}"
        points_at(entry, found[0], card)
    if entry.nothing_else:
        words = {word for report in reports for each in errors(report) for word in each.errors}
        assert words - {"inconsistent"} == {entry.word}, str(card)


@pytest.mark.one_way
@pytest.mark.one_engine
@pytest.mark.one_in(8)
@pytest.mark.parametrize("pairs", BOTH_WAYS)
@pytest.mark.parametrize(("entry", "db"), cells("I"))
def test_at_once(entry: Entry, db: str, *, pairs: bool) -> None:
    if pairs:
        card = prove.check(entry.scenario, db=db, letters="I", isolation_level=entry.level)
        report = card.letters["I"]
        assert isinstance(report, Report)
    else:
        report = prove.explore(entry.scenario, db=db, runs_max=LETTER_MAX, isolation_level=entry.level)
    assert report.verdict == entry.I, str(report)
    said = [each for each in report.findings if entry.anomaly in {each.anomaly, CODES[each.code].word}]
    if entry.anomaly:
        assert said, f"{entry.anomaly} is not said:\n{report}"
        points_at(entry, said[0], report)
    elif entry.I == "pass" and not pairs:
        assert not report.findings, str(report)


DURABLE = [
    pytest.param(entry, id=entry.target.removeprefix("examples.")) for entry, db in ASKED if db == "sqlite" and entry.D
]


@pytest.mark.one_in(16)
@pytest.mark.parametrize("entry", DURABLE)
def test_after_a_power_cut(entry: Entry) -> None:
    card = prove.check(entry.scenario, letters="D", remedies=False)
    report = card.letters["D"]
    assert isinstance(report, Report)
    own = {found.code for found in report.findings if CODES[found.code].letter == "D"}
    assert own == ({"ACI401"} if entry.D == "fail" else set()), str(card)
    assert report.letter_state == ("fail" if report.findings else entry.D)  # what is torn is letter A's


def errors(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity == "error"]


def points_at(entry: Entry, finding: Finding, told: object) -> None:
    if entry.marker or entry.function:
        sites = {(site.file, site.line) for site in finding.sites}
        assert sites & entry.lines(), f"{finding.sites} instead of {entry.marker or entry.function}:\n{told}"


def test_each_scenario_is_in_the_manifest_once() -> None:
    """Nobody can forget one: what a system exports, and whatever else stands in its modules."""
    named = Counter(entry.target for entry, db in ALL if db == "sqlite")
    assert not [target for target, count in named.items() if count > 1]
    there = {id(entry.scenario) for entry, _ in ALL}
    assert len(there) == len(named)
    for system in sorted({entry.system for entry, _ in ALL}):
        for module in modules(system):
            for name, value in vars(import_module(module)).items():
                if isinstance(value, Scenario) and not name.startswith("_"):
                    assert id(value) in there, f"{module}:{name}"


def modules(system: str) -> Iterator[str]:
    """Those of a system but its command line and what stands beside the twins."""
    for path in sorted((ROOT / "examples" / system).rglob("*.py")):
        if path.stem != "__main__" and path.parent.name != "shown":
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_the_manifest_is_of_every_system() -> None:
    folders = {path.parent.name for path in (ROOT / "examples").glob("*/__main__.py")}
    assert {entry.system for entry, _ in ALL} == folders


def test_what_is_not_applicable_says_so_itself() -> None:
    """`acidity check` shows the reason that the manifest gives."""
    for entry, db in ALL:
        assert entry.scenario.not_applicable.get(db, "") == entry.not_applicable, f"{entry.target} on {db}"


def test_each_entry_is_complete() -> None:
    found: set[str] = set()
    for entry, _ in ALL:
        assert entry.why
        assert entry.letters
        assert bool(entry.A) == bool(entry.C), f"{entry.target}: A and C come of the same runs"
        if entry.marker or entry.function:
            assert bool(entry.marker) != bool(entry.function), entry.target
            assert entry.lines(), f"{entry.target}: {entry.marker or entry.function} is nowhere"
        if "fail" in {entry.A, entry.C, entry.I} or entry.anomaly == "deadlock":
            found.add(entry.target)
    assert {entry.target for entry, _ in ALL if entry.is_broken} <= found, "a twin that passes everywhere is none"


@pytest.mark.parametrize("plain", ["*/*twins.py", "*/shown/*.py"])
def test_no_twin_knows_acidity(plain: str) -> None:
    for path in sorted((ROOT / "examples").glob(plain)):
        assert "acidity" not in _imports(path), path


def _imports(path: Path) -> set[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
