"""The table of docs/traps.md, as the tests read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from acidity.prove import Scenario
from tests.quality import traps

TABLE = Path(__file__).parents[2] / "docs" / "traps.md"
NO_PROGRAM = "no program"
UNKNOWN = "unknown: "
MENDED, ATOMIC = "_mended", "_atomic"


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    number: int
    trap: str
    program: str
    engine: str
    verdict: str
    at: str
    code: str
    atomic: str

    @property
    def db(self) -> str:
        return self.engine.partition(",")[0]

    @property
    def fault(self) -> tuple[str, ...]:
        """The name of the fault in the run that the line tells of; empty where none strikes."""
        return tuple(re.findall(r"!([a-z-]+)", self.at))

    @property
    def settings(self) -> dict[str, str]:
        return dict(setting.strip().split("=") for setting in self.engine.split(",")[1:])


def rows() -> list[Row]:
    found = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if re.fullmatch(r"\d+", cells[0]):
            found.append(Row(int(cells[0]), *cells[1:]))
    return found


def load(program: str) -> Scenario:
    module, _, name = program.partition(":")
    scenario = getattr(import_module(f"{traps.__name__}.{module}"), name)
    assert isinstance(scenario, Scenario)
    return scenario
