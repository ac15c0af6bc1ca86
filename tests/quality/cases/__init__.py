"""Faults that others reported in public, as small programs; each with what must be said of it and of its right twin.

`expected.toml` has the reports, their sources and what must be said; the modules have the programs. A backup that copies
the main file of a database in WAL mode and misses what is in ``-wal`` writes to another file, so it has no program here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from acidity.core.cause import CauseKind
from acidity.core.finding import Verdict
from acidity.prove import Operation, Scenario

_EXPECTED = Path(__file__).with_name("expected.toml")
Program = Operation | Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """A program on an engine, and what must be said of it.

    Attributes:
        name: its module and its name there.
        described: its Scenario.
        db: the engine.
        faults: which are tried.
        verdict: of the drill.
        words: the words of all errors.
        cause: the kind of cause of the finding that the report is about.
        line: the text of the line where that became permanent.
        remedy: the change that ends it, by its key; empty where none that is tried does.
    """

    name: str
    described: Scenario
    db: str
    faults: tuple[str, ...]
    verdict: Verdict
    words: frozenset[str] = frozenset()
    cause: CauseKind | None = None
    line: str = ""
    remedy: str = ""


def cases() -> list[Case]:
    """All programs that a drill can judge, each on each engine that it is written for."""
    reports = tomllib.loads(_EXPECTED.read_text(encoding="utf-8"))
    return [case for module, report in reports.items() for case in _of_report(module, report)]


def _of_report(module: str, report: Mapping[str, Any]) -> list[Case]:
    written = report.get("program", {})
    programs = import_module(f"{__name__}.{module}").PROGRAMS if written else {}
    assert programs.keys() == written.keys(), (
        f"{module}: each program is expected to be something, and the other way round"
    )
    found = []
    for name, expected in written.items():
        operation, scenario = programs[name]
        facts = {"faults": report.get("faults", ())} | expected
        found += [
            _case(f"{module}:{name}", Scenario(operation, **scenario), db, facts | facts.get("on", {}).get(db, {}))
            for db in report["engines"]
        ]
    return found


def _case(name: str, described: Scenario, db: str, facts: Mapping[str, Any]) -> Case:
    return Case(
        name,
        described,
        db,
        tuple(facts["faults"]),
        facts["verdict"],
        frozenset(facts.get("words", ())),
        CauseKind(facts["cause"]) if "cause" in facts else None,
        facts.get("line", ""),
        facts.get("remedy", ""),
    )
