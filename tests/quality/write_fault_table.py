"""Which fault strikes which kind of Call how, on SQLite: write it anew with ``python -m tests.quality.write_fault_table``.

`docs/faults.md` says the same of every engine and driver, without the kinds of Call. Here a change at a single kind
from real to simulated, or to not applicable, is seen.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from acidity.core.call import Kind
from acidity.prove.faults import FAULTS
from tests.quality import fault_cells

TABLE = Path(__file__).with_name("fault_table.toml")
PLACES = {place.title: place for place in fault_cells.PLACES if place.db == "sqlite"}
KINDS = [kind for kind in Kind if kind not in {Kind.PREPARE, Kind.PING}]  # SQLite has neither
LIBRARY = ".".join(version("sqlalchemy").split(".")[:2])
HEAD = (
    "# fault × kind of Call on SQLite: what ran, or why nothing could. Compared with what runs by test_fault_table.py;\n"
    "# after a change that is meant: python -m tests.quality.write_fault_table\n"
)
Column = dict[str, dict[str, str]]


def column(title: str, *, wholly: bool = False) -> Column:
    """Kind of Call → fault → what a drill of every kind of Call shows there now."""
    cells = fault_cells.drilled(PLACES[title], wholly=wholly).cells
    return {kind: {fault: "; ".join(sorted(map(str, cells[fault, kind]))) for fault in FAULTS} for kind in KINDS}


def committed() -> dict[str, Column]:
    """What the committed table says: place → kind of Call → fault → cell."""
    return {title: column for title, column in _read().items() if title != "sqlalchemy"}


def written_with() -> str:
    """The SQLAlchemy that it was written with; with another one aiosqlite notices a lost connection later or sooner."""
    return str(_read()["sqlalchemy"])


def _read() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def rendered(table: dict[str, Column], library: str = LIBRARY) -> str:
    """The table as TOML."""
    lines = [HEAD, f'sqlalchemy = "{library}"', ""]
    for title, kinds in table.items():
        for kind, cells in kinds.items():
            lines += [f'["{title}"."{kind}"]', *(f'{fault} = "{cell}"' for fault, cell in cells.items()), ""]
    return "\n".join(lines)


def main() -> None:
    """Write the table from what runs."""
    TABLE.write_text(rendered({title: column(title, wholly=True) for title in PLACES}), encoding="utf-8")


if __name__ == "__main__":
    main()
