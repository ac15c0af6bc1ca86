"""Tables in the docs, as the tests read them."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def table_in(page: str, section: str) -> list[list[str]]:
    """The cells of the first table in a section, without its head; code marks are taken off."""
    text = (DOCS / page).read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) > 2, f"{page} has no table in {section!r}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def names_in(cell: str) -> list[str]:
    """The names in a cell: ```a`, `b``` or ``a, b``."""
    return [name.strip(" `") for name in cell.split(",")]
