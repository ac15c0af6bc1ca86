"""The committed table of fault × kind of Call on SQLite is what runs."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from acidity.prove.faults import FAULTS
from tests.quality import fault_cells
from tests.quality import write_fault_table as table
from tests.tiers import mostly_slow


@pytest.mark.dear
@fault_cells.WHOLLY
@pytest.mark.parametrize("title", mostly_slow("sqlite3", of=table.PLACES))
def test_the_table_is_what_runs(title: str, *, wholly: bool) -> None:
    if table.PLACES[title].asynchronous and not find_spec("aiosqlite"):
        pytest.skip("needs aiosqlite")
    now, committed = table.column(title, wholly=wholly), table.committed()[title]
    changed = {
        (fault, kind): f"{committed[kind].get(fault)} → {cell}"
        for kind, cells in now.items()
        for fault, cell in cells.items()
        if not same(committed[kind].get(fault, ""), cell, wholly=wholly)
        and not allowed(committed[kind].get(fault), cell)
    }
    assert not changed
    assert {kind: list(cells) for kind, cells in now.items()} == {kind: list(committed[kind]) for kind in committed}


def same(committed: str, now: str, *, wholly: bool) -> bool:
    """Whether a cell says the same; a Call that was not struck has no reason why nothing happened there."""
    ran = {"real", "simulated"}
    modes, others = set(committed.split("; ")), set(now.split("; "))
    return modes == others or (not wholly and bool(modes & ran) and modes & ran == others & ran and others <= modes)


def allowed(committed: str | None, now: str) -> bool:
    """With another SQLAlchemy what is simulated here may be real there; never the other way round."""
    return table.written_with() != table.LIBRARY and (committed, now) == ("simulated", "real")


def test_every_cell_is_real_simulated_or_says_why_not() -> None:
    for kinds in table.committed().values():
        assert list(kinds) == table.KINDS
        for cells in kinds.values():
            assert list(cells) == list(FAULTS)
            for cell in cells.values():
                for mode in cell.split("; "):
                    assert mode in {"real", "simulated"} or mode.removeprefix("not applicable: ").strip()


def test_every_kind_of_call_is_struck_before_it_and_where_it_can_be_after_it() -> None:
    for title, kinds in table.committed().items():
        for kind, cells in kinds.items():
            struck = {fault for fault, cell in cells.items() if cell.startswith(("real", "simulated"))}
            assert {"kill-before", "kill-after"} <= struck, (title, kind)
            assert len(struck) >= 3, (title, kind)


def test_it_is_written_as_it_is_read() -> None:
    committed = table.committed()
    assert table.rendered(committed, table.written_with()) == table.TABLE.read_text(encoding="utf-8")
