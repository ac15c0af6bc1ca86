"""`examples/manifest.toml`, read: what has to be said about a target on an engine, and the lines that are meant."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from acidity.engines import ENGINES

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "examples" / "manifest.toml"
LETTERS = ("A", "C", "I")
RUNS_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One target on one engine; the attributes are described in the file."""

    system: str
    target: str
    why: str
    A: str = ""
    C: str = ""
    I: str = ""  # noqa: E741 - the letter
    word: str = ""
    anomaly: str = ""
    marker: str = ""
    function: str = ""
    file: str = ""
    level: str | None = None
    runs_max: int = RUNS_MAX
    slow: str = ""
    not_applicable: str = ""

    @property
    def is_broken(self) -> bool:
        """Whether it is a twin."""
        return ".broken" in self.target

    @property
    def letters(self) -> str:
        """Those that are asked."""
        return "".join(letter for letter in LETTERS if getattr(self, letter))

    def lines(self) -> set[tuple[str, int]]:
        """File and line of every place that a finding may point at."""
        path = self.file or f"examples/{self.system}/twins.py"
        source = (ROOT / path).read_text(encoding="utf-8")
        if self.marker:
            return {(path, number) for number, line in enumerate(source.splitlines(), 1) if f"# {self.marker}" in line}
        return {
            (path, line)
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == self.function
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }


def entries() -> Iterator[tuple[Entry, str]]:
    """Each entry as it is on each engine.

    Raises:
        TypeError: an entry has a key that is not known, or lacks one.
    """
    known = {field.name for field in fields(Entry)}
    for row in tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["entry"]:
        common = {key: value for key, value in row.items() if key not in ENGINES}
        if unknown := common.keys() - known:
            raise TypeError(f"{row.get('target')}: {', '.join(sorted(unknown))} is not known")
        for db in ENGINES:
            there: dict[str, Any] = row.get(db, {})
            if there.keys() - {"slow"} and not there.keys() & {"why", "not_applicable"}:
                raise TypeError(f"{row['target']} differs on {db}, and nobody says why")
            yield replace(Entry(**common), **there), db
