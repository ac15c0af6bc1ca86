"""The committed table of faults is what runs, on every engine and through every driver."""

from __future__ import annotations

import pytest

from acidity.prove.faults import FAULTS
from tests.quality import fault_cells

# By default one driver of each engine; SQLite's are in test_fault_table.py.
ONE_OF_EACH_ENGINE = ("psycopg", "PyMySQL")
PLACES = [
    pytest.param(
        place,
        id=place.title,
        marks=[
            *([pytest.mark.mysqlclient] if place.mysqlclient else []),
            *([] if place.title in ONE_OF_EACH_ENGINE or place.mysqlclient else [pytest.mark.slow]),
        ],
    )
    for place in fault_cells.PLACES
]


@pytest.mark.dear
@fault_cells.WHOLLY
@pytest.mark.parametrize("place", PLACES)
def test_the_table_is_what_runs(place: fault_cells.Place, *, wholly: bool) -> None:
    assert fault_cells.cells(place, wholly=wholly) == fault_cells.read()[place.title]


def test_the_table_knows_every_fault_and_place() -> None:
    table = fault_cells.read()
    assert set(table) == {place.title for place in fault_cells.PLACES}
    assert all(set(column) == set(FAULTS) for column in table.values())


def test_every_fault_is_real_or_simulated_somewhere() -> None:
    table = fault_cells.read()
    for fault in FAULTS:
        assert any(not column[fault].startswith("not applicable") for column in table.values()), fault


def test_every_fault_is_explained() -> None:
    text = fault_cells.TABLE.read_text(encoding="utf-8")
    assert all(line in text for line in fault_cells.sentences())
