"""The unique keys on which an upsert may meet a row: those of columns alone that hold for all rows, by their names."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection

from acidity.prove import Operation, Scenario
from acidity.prove.explore.tables import StageTables
from acidity.prove.stage.stage import Stage

INDEXES = {
    "sqlite": (
        "CREATE UNIQUE INDEX lone ON codes (total)",
        "CREATE UNIQUE INDEX part ON codes (tenant) WHERE total > 100",
        "CREATE UNIQUE INDEX made ON codes (abs(total))",
    ),
    "postgresql": (
        "CREATE UNIQUE INDEX lone ON codes (total) INCLUDE (tenant)",
        "CREATE UNIQUE INDEX part ON codes (tenant) WHERE total > 100",
        "CREATE UNIQUE INDEX made ON codes (abs(total))",
    ),
    "mariadb": (
        "CREATE UNIQUE INDEX lone ON codes (total)",
        "CREATE UNIQUE INDEX part ON codes (name(3))",
        "CREATE INDEX many ON codes (tenant)",
    ),
}


def schema(connection: Connection) -> None:
    code = connection.dialect.identifier_preparer.quote("Code")
    columns = f"id INTEGER PRIMARY KEY, {code} INTEGER, tenant INTEGER, total INTEGER, name VARCHAR(9)"
    connection.execute(text(f"CREATE TABLE codes ({columns}, CONSTRAINT pair UNIQUE (tenant, {code}))"))
    connection.execute(text("CREATE TABLE notes (id INTEGER, note INTEGER UNIQUE)"))
    for index in INDEXES[connection.dialect.name]:
        connection.execute(text(index))


def idle(connection: Connection) -> None:
    connection.commit()


@pytest.mark.parametrize("db", [*INDEXES])
def test_those_of_all_rows_and_of_columns_alone(db: str) -> None:
    with Stage(Scenario(Operation(idle), schema=schema), db, {}) as stage:
        tables = StageTables(stage, "")
        first, *others = tables.keys("CODES")
        assert first == ("id",)
        assert {*others} == {("tenant", "Code"), ("total",)}
        assert tables.keys("notes") == (("note",),)
        assert tables.constraint("codes", "lone") == ("total",)
        assert tables.constraint("codes", "part") == tables.constraint("notes", "lone") == ()
        assert tables.columns("codes") == ("id", "Code", "tenant", "total", "name")
        assert (tables.columns("nothing"), tables.keys("nothing"), tables.constraint("nothing", "lone")) == (
            None,
            (),
            (),
        )
