"""`examples/manifest.toml`, read: what has to be said about a target on an engine, and the lines that are meant."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from acidity.engines import ENGINES
from acidity.prove import Scenario

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "examples" / "manifest.toml"
LETTERS = ("A", "C", "I", "D")
OF_TWINS = ("twins", "broken", "async_twins", "async_broken")  # modules with the Scenarios of twins


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One target on one engine; the attributes are described in the file."""

    target: str
    why: str
    A: str = ""
    C: str = ""
    I: str = ""  # noqa: E741 - the letter
    D: str = ""
    classifier: str = ""
    word: str = ""
    nothing_else: bool = False
    anomaly: str = ""
    marker: str = ""
    function: str = ""
    file: str = ""
    level: str | None = None
    needs: tuple[str, ...] = ()
    every_driver: bool = False
    slow: str = ""
    not_applicable: str = ""

    @property
    def system(self) -> str:
        """The folder."""
        return self.module.split(".")[1]

    @property
    def module(self) -> str:
        """Where the Scenario stands."""
        return self.target.partition(":")[0]

    @property
    def is_broken(self) -> bool:
        """Whether it is a twin."""
        return self.module.rpartition(".")[2] in OF_TWINS

    @property
    def letters(self) -> str:
        """Those that are asked."""
        return "".join(letter for letter in LETTERS if getattr(self, letter))

    @property
    def scenario(self) -> Scenario:
        """What is asked.

        Raises:
            TypeError: the target is something else.
        """
        found = getattr(import_module(self.module), self.target.partition(":")[2])
        if not isinstance(found, Scenario):
            raise TypeError(f"{self.target} is no Scenario")
        return found

    def lines(self) -> set[tuple[str, int]]:
        """File and line of every place that a finding may point at."""
        twins = "async_twins" if ".async_" in self.module else "twins"
        path = self.file or f"examples/{self.system}/{twins}.py"
        return marked(path, self.marker) if self.marker else within(path, self.function)


@cache
def marked(path: str, marker: str) -> set[tuple[str, int]]:
    """The lines with this comment."""
    source = (ROOT / path).read_text(encoding="utf-8")
    return {(path, number) for number, line in enumerate(source.splitlines(), 1) if f"# {marker}" in line}


@cache
def within(path: str, function: str) -> set[tuple[str, int]]:
    """The lines of this function."""
    source = (ROOT / path).read_text(encoding="utf-8")
    return {
        (path, line)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def entries() -> Iterator[tuple[Entry, str]]:
    """Each target as it is on each engine.

    Raises:
        TypeError: an entry has a key that is not known, or lacks one.
    """
    known = {field.name for field in fields(Entry)} - {"target"}
    for row in tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["entry"]:
        targets = row.pop("targets")
        common = {key: value for key, value in row.items() if key not in ENGINES}
        if unknown := common.keys() - known:
            raise TypeError(f"{targets}: {', '.join(sorted(unknown))} is not known")
        for target in targets:
            for db in ENGINES:
                there: dict[str, Any] = row.get(db, {})
                if there.keys() - {"slow"} and not there.keys() & {"why", "not_applicable"}:
                    raise TypeError(f"{target} differs on {db}, and nobody says why")
                entry = replace(Entry(target=f"examples.{target}", **common), **there)
                yield replace(entry, needs=tuple(entry.needs)), db
