"""What a write reads inside itself, and writes that change nothing, are named: subqueries, WITH, upserts, REPLACE."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.quality.writing import PLAIN, RC, RENAMED, TOTAL, Case, named, schema

ON_CONFLICT = (
    "INSERT INTO {totals} ({id}, {total}) VALUES (1, :total) ON CONFLICT ({id}) DO UPDATE SET {total} = {value}"
)
ON_DUPLICATE = (
    "INSERT INTO {totals} ({id}, {total}) VALUES (1, :total) ON DUPLICATE KEY UPDATE {total} = VALUES({total})"
)
FROM_OTHERS = "WITH s AS (SELECT {total} AS a FROM {others} WHERE {id} = 1) "
FROM_TOTALS = "WITH s AS (SELECT {total} AS a FROM {totals} WHERE {id} = 1) "


CASES = {
    "a value from a search": Case(
        (
            (
                "INSERT INTO {entries} ({amount}) VALUES (5)",
                "UPDATE {totals} SET {total} = (SELECT sum({amount}) FROM {entries}) WHERE {id} = 1",
            ),
        ),
        "phantom",
        {"postgresql": None},
    ),
    "values from each other": Case(
        (
            ("UPDATE {totals} SET {total} = (SELECT {total} FROM {others} WHERE {id} = 1) WHERE {id} = 1",),
            ("UPDATE {others} SET {total} = (SELECT {total} FROM {totals} WHERE {id} = 1) WHERE {id} = 1",),
        ),
        "write skew",
        {"postgresql": None, "mariadb": RC},
    ),
    "for each row": Case(
        (
            ("UPDATE {totals} SET {total} = (SELECT o.{total} FROM {others} o WHERE o.{id} = {totals}.{id}) WHERE {id} < 9",),
            ("UPDATE {others} SET {total} = (SELECT o.{total} FROM {totals} o WHERE o.{id} = {others}.{id}) WHERE {id} < 9",),
        ),
        "write skew",
        {"postgresql": None, "mariadb": RC},
    ),
    "WITH before UPDATE": Case(
        (
            (FROM_OTHERS + "UPDATE {totals} SET {total} = (SELECT a FROM s) WHERE {id} = 1",),
            (FROM_TOTALS + "UPDATE {others} SET {total} = (SELECT a FROM s) WHERE {id} = 1",),
        ),
        "write skew",
        {"postgresql": None},
    ),
    "WITH before INSERT": Case(
        (
            (
                "WITH s AS (SELECT sum({amount}) AS a FROM {entries}) INSERT INTO {entries} ({amount}) SELECT a FROM s",
            ),
        ),
        "phantom",
        {"postgresql": None},
    ),
    "WITH inside INSERT": Case(
        (
            (
                "INSERT INTO {entries} ({amount}) WITH s AS (SELECT sum({amount}) AS a FROM {entries}) SELECT a FROM s",
            ),
        ),
        "phantom",
        {"postgresql": None, "mariadb": RC},
    ),
    "DELETE by a subquery": Case(
        (
            ("DELETE FROM {entries} WHERE {amount} > (SELECT {total} FROM {others} WHERE {id} = 1)",),
            ("UPDATE {others} SET {total} = (SELECT count(*) FROM {entries}) * 100 WHERE {id} = 1",),
        ),
        "phantom",
        {"postgresql": None},
    ),
    "an upsert of one value": Case(
        ((ON_CONFLICT.replace("{value}", "excluded.{total}"),),),
        "lost update",
        {"sqlite": None, "postgresql": None},
        reads=TOTAL,
    ),
    "an upsert of one value, ON DUPLICATE KEY": Case(((ON_DUPLICATE,),), "lost update", {"mariadb": None}, reads=TOTAL),
    "REPLACE of one value": Case(
        (("REPLACE INTO {totals} ({id}, {total}) VALUES (1, :total)",),),
        "lost update",
        {"sqlite": None, "mariadb": None},
        reads=TOTAL,
    ),
    "INSERT OR REPLACE of one value": Case(
        (("INSERT OR REPLACE INTO {totals} VALUES (1, :total)",),), "lost update", {"sqlite": None}, reads=TOTAL
    ),
}  # fmt: skip
CELLS = [(name, db) for name, case in CASES.items() for db in case.where]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "db"), CELLS)
def test_it_is_named(name: str, db: str) -> None:
    assert named(CASES[name], db, PLAIN, locks=False) == ("fail", [CASES[name].name])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "db"), CELLS)
def test_its_name_is_not_read_from_names(name: str, db: str) -> None:
    assert named(CASES[name], db, RENAMED, locks=False) == ("fail", [CASES[name].name])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "db"), CELLS)
def test_a_lock_makes_it_right(name: str, db: str) -> None:
    assert named(CASES[name], db, PLAIN, locks=True) == ("pass", [])


@pytest.mark.slow
@pytest.mark.parametrize("db", ["sqlite", "postgresql"])
def test_an_upsert_that_lets_the_database_compute_is_right(db: str) -> None:
    metadata, seed = schema(PLAIN)
    statement = ON_CONFLICT.replace("{value}", "totals.total + excluded.total")
    operation = Operation(adding, statement.format(**PLAIN))
    assert prove.explore(Scenario(operation, metadata=metadata, setup=seed), db=db).verdict == "pass"


def adding(session: Session, statement: str) -> None:
    session.execute(text(statement), {"total": 10})
    session.commit()
