"""The page about remedies has every one of them, with the causes that it is tried against."""

from __future__ import annotations

from pathlib import Path

from acidity.prove.remedies import REMEDIES

PAGE = Path(__file__).parents[2] / "docs" / "remedies.md"


def test_every_remedy_is_in_the_table() -> None:
    rows = {
        line.split("|")[1].strip(" `"): line.split("|")[2] for line in PAGE.read_text().splitlines() if "| `" in line
    }
    assert list(rows) == list(REMEDIES)
    for name, against in rows.items():
        kinds = {
            kind.value.replace("constraint or invariant in the clean run", "clean run") for kind in REMEDIES[name].kinds
        }
        assert {each.strip() for each in against.split(",")} == kinds, name
