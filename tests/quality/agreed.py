"""The record of how many random programs agreed at each level, as data: ``tests/quality/agreed.json``.

The page on interleavings and `fit._AGREED` are compared with it. `test_thousands_of_random_programs_agree` and its twin
with effects (``-m large``) write what they measure, each level and number of callers for itself: to ``.agreed.json``
beside ``pyproject.toml``, which git leaves out; with ACIDITY_UPDATE_DOCS=1 to the record itself.
ACIDITY_AGREED_PROGRAMS=20 has them measure so many programs only, which never goes to the record.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RECORD = Path(__file__).with_suffix(".json")
ASIDE = ROOT / ".agreed.json"


@dataclass
class Agreed:
    """What was measured of one level; None is what was not noted then.

    Attributes:
        engine: its name.
        level: of isolation, or for SQLite the journal mode.
        callers: how many each program has.
        effects: they have some outside the database.
        first: the first seed.
        last: the last seed.
        agreed: programs whose outcomes are the same in all orders and in one of each class.
        skipped: reason → seeds between that were left out.
        orders: of the programs that agreed.
        classes: of the same.
        engine_version: as the engine says it.
        commit: of acidity; with a ``+`` where files had changed since.
    """

    engine: str
    level: str
    callers: int
    effects: bool
    first: int
    last: int | None = None
    agreed: int = 0
    skipped: dict[str, int] | None = field(default_factory=dict)
    orders: int | None = 0
    classes: int | None = 0
    engine_version: str | None = None
    commit: str | None = None

    @property
    def key(self) -> tuple[str, str, int, bool]:
        """What there is one of."""
        return self.engine, self.level, self.callers, self.effects


def record(path: Path | None = None) -> dict[tuple[str, str, int, bool], Agreed]:
    """What is noted, by default in the record."""
    path = path or RECORD
    found = [Agreed(**each) for each in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []
    return {each.key: each for each in found}


def asked_for() -> int | None:
    """How many programs of each level are to be measured; None for as many as the record has."""
    said = os.environ.get("ACIDITY_AGREED_PROGRAMS")
    return int(said) if said else None


def note(agreed: Agreed) -> Path:
    """Write it in place of what was noted of the same level; where to."""
    path = RECORD if os.environ.get("ACIDITY_UPDATE_DOCS") and asked_for() is None else ASIDE
    with (ROOT / ".agreed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # cells of other processes note, too
        write(path, record(path) | {agreed.key: agreed})
    return path


def write(path: Path, noted: dict[Any, Agreed]) -> None:
    """A line for each."""
    lines = [json.dumps(asdict(each)) for _, each in sorted(noted.items())]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def commit() -> str | None:
    """The commit that is checked out; None where it is not known."""
    told = [
        subprocess.run(["git", *asked], cwd=ROOT, capture_output=True, text=True, check=False)
        for asked in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    ]
    if any(each.returncode for each in told):
        return None
    return told[0].stdout.strip() + ("+" if told[1].stdout.strip() else "")
