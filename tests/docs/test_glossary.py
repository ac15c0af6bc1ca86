"""The glossary has every word of DESIGN and of the core's public classes, and nothing that the code does not know."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from acidity.core.codes import CODES
from acidity.core.outcome import Rows
from acidity.core.report import LETTERS, LetterState

DOCS = Path(__file__).parents[2] / "docs"
SOURCE = Path(__file__).parents[2] / "src" / "acidity"
ROW = re.compile(
    r"^\| \*\*(?P<word>[^*]+)\*\* \| (?P<meaning>.+) \| \[(?P<shown>[^]]+)\]\((?P<link>[^)]+)\) \|$", re.MULTILINE
)
ROWS = {row["word"]: row for row in ROW.finditer((DOCS / "glossary.md").read_text(encoding="utf-8"))}
MODULES = [*sorted((SOURCE / "core").glob("*.py")), SOURCE / "adapters" / "seam.py"]


def classes(path: Path) -> set[str]:
    """The public classes that a module defines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}


def test_every_line_of_a_table_is_a_word() -> None:
    lines = (DOCS / "glossary.md").read_text(encoding="utf-8").splitlines()
    assert len(ROWS) == sum(line.startswith("| **") for line in lines) > 70


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_public_class_of_the_core_is_explained(path: Path) -> None:
    assert [name for name in sorted(classes(path)) if f"`{name}`" not in ROWS] == []


def test_every_class_is_where_the_glossary_says() -> None:
    for word, row in ROWS.items():
        path = DOCS / row["link"]
        assert path.is_file(), word
        assert path.samefile(SOURCE / row["shown"])
        if word.startswith("`"):
            assert word.strip("`") in classes(path), word


def test_every_word_of_a_verdict_is_explained() -> None:
    said = {*(code.word for code in CODES.values()), *map(str, Rows), *LETTERS.values(), *get_args(LetterState)}
    assert [word for word in sorted(said) if word not in ROWS] == []


def test_the_words_of_design_are_explained() -> None:
    design = (
        "Call Reply Event Interceptor Fault Schedule Operation Scenario Sandbox State Finding Remedy Bound Report "
        "Card FaultInjector"
    )
    assert [word for word in design.split() if f"`{word}`" not in ROWS] == []
    assert {"History", "outcome"} <= ROWS.keys()


def test_each_meaning_is_one_or_two_sentences() -> None:
    for word, row in ROWS.items():
        assert row["meaning"].endswith("."), word
        assert 1 <= row["meaning"].count(". ") + 1 <= 2, word
        assert len(row["meaning"]) < 140, word


def test_decisions_are_numbered_without_a_silent_gap() -> None:
    """A number without a record is named in the index, with the reason."""
    text = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    records = sorted(path for path in (DOCS / "decisions").glob("[0-9]*.md"))
    for path in records:
        title = path.read_text(encoding="utf-8").splitlines()[0].partition(". ")[2]
        assert f"[{title}]({path.name})" in text, path.name
    numbers = {int(path.name[:4]) for path in records}
    for number in set(range(1, max(numbers) + 1)) - numbers:
        assert re.search(rf"^\| {number} \| \*not in use\*", text, re.MULTILINE), number
