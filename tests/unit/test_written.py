"""Which table a text means, where tables of one name are in several schemas or databases."""

from __future__ import annotations

import pytest

from acidity.analysis.written import supplied_columns
from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.core.outcome import Table

TABLES = {name: Table(("id", "n"), ("id",), {}, ()) for name in ("log", "audit.log", "orders.log", "orders.audit.log")}


@pytest.mark.parametrize(
    ("name", "database", "means"),
    [
        ("audit.log", "", {"audit.log"}),
        ('"audit"."log"', "", {"audit.log"}),
        ("public.log", "", {"log"}),
        ("Audit.Log", "", {"audit.log"}),
        ("log", "orders", {"orders.log", "orders.audit.log"}),
        ("audit.log", "orders", {"orders.audit.log"}),
        ("dbo.log", "orders", {"orders.log"}),
    ],
)
def test_a_name_means_the_table_of_its_schema_or_all_that_it_may_mean(
    name: str, database: str, means: set[str]
) -> None:
    found = _supplied(f"INSERT INTO {name} (n) VALUES (?)", database, TABLES)
    assert found == {(table, "n") for table in means}


def test_without_a_schema_it_may_be_a_table_of_each() -> None:
    tables = {name: TABLES[name] for name in ("log", "audit.log")}
    assert _supplied("UPDATE log SET n = ?", "", tables) == {("log", "n"), ("audit.log", "n")}


def _supplied(sql: str, database: str, tables: dict[str, Table]) -> frozenset[tuple[str, str]]:
    call = Call("A", 1, Kind.STATEMENT, sql, database=database, writes=Writes.YES)
    return supplied_columns((Event(call, Reply("ok")),), tables)
