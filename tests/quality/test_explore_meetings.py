"""What a schema can have, and programs can say: one run of each class finds all that every order finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest
from sqlalchemy.engine import Engine

from acidity.engines import new_sandbox
from acidity.prove.explore.classes import catalogues, fit
from acidity.prove.explore.classes.families import family_of
from acidity.prove.explore.classes.footprint import Reader
from acidity.prove.explore.classes.schema import Described, Schema
from acidity.prove.explore.lab import Lab
from acidity.prove.stage.stage import Stage
from tests.quality.meetings import MEETINGS, Meeting
from tests.quality.meetings_hidden import HIDDEN
from tests.quality.random_callers import LEVELS, of_classes, of_every
from tests.tiers import ENGINES

MOST = 500  # orders


def cells() -> Iterator[object]:
    for meeting in (*MEETINGS, *HIDDEN):
        for db, level in LEVELS:
            if db in meeting.engines:
                yield pytest.param(meeting, db, level, marks=pytest.mark.slow, id=f"{meeting.called}-{db}-{level}")


def missed(meeting: Meeting, db: str, level: str) -> int:
    """How many outcomes one run of each class does not find."""
    scenario = meeting.scenario()
    family = family_of(db, level)
    assert family is not None
    with ExitStack() as stack:
        settings, imposed = ({"journal_mode": level}, None) if db == "sqlite" else ({}, level)
        stage = stack.enter_context(Stage(scenario, db, settings, imposed, 30.0))
        lab = Lab(stage, scenario.operations)
        every = of_every(lab, MOST)
        del every["runs"]
        found, _, unfit = of_classes(stage, lab, level, family)
    assert unfit == "", meeting
    return len(set(every) - set(found))


@pytest.mark.parametrize(("meeting", "db", "level"), list(cells()))
def test_one_run_of_each_class_is_enough(meeting: Meeting, db: str, level: str) -> None:
    assert missed(meeting, db, level) == 0


# Planted


def columns_are_all(table: Described) -> Described:
    """As if a unique index went by its columns alone."""
    return replace(table, uniques=tuple(("n",) if each is None else each for each in table.uniques))


def numbers_are_none(table: Described) -> Described:
    return replace(table, numbers={})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("called", "db", "planted"),
    [
        ("a computed unique column", "postgresql", columns_are_all),
        ("a computed unique column", "mariadb", columns_are_all),
        ("a unique index of some rows", "postgresql", columns_are_all),
        ("a sequence of two tables", "postgresql", numbers_are_none),
        ("a sequence of a column", "postgresql", numbers_are_none),
    ],
)
def test_each_is_needed(called: str, db: str, planted: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def schema_of(sandbox: object) -> Schema:
        known = catalogues.schema_of(sandbox)  # type: ignore[arg-type]
        return replace(known, tables={name: planted(each) for name, each in known.tables.items()})  # type: ignore[operator]

    monkeypatch.setattr(fit, "schema_of", schema_of)
    (meeting,) = [each for each in MEETINGS if each.called == called]
    assert missed(meeting, db, "READ COMMITTED") > 0


# What the catalogues say


def read(db: str, *texts: str) -> Schema:
    def schema(engine: Engine) -> None:
        with engine.begin() as connection:
            for each in texts:
                connection.exec_driver_sql(each)

    with closing(new_sandbox(db, {})) as sandbox:
        sandbox.create(schema, None)
        return catalogues.schema_of(sandbox)


@pytest.mark.parametrize("db", [pytest.param(db, marks=() if db == "sqlite" else pytest.mark.slow) for db in ENGINES])
def test_a_unique_index_that_goes_by_what_is_computed_goes_by_no_column(db: str) -> None:
    made = read(
        db,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER UNIQUE, u INTEGER GENERATED ALWAYS AS (v + 1) STORED UNIQUE)",
    )
    assert made.tables["t"].uniques in {(("v",), None), (None, ("v",))}


@pytest.mark.parametrize("db", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_so_does_one_of_some_rows(db: str) -> None:
    made = read(
        db,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, w INTEGER)",
        "CREATE UNIQUE INDEX one ON t (v) WHERE w = 1",
    )
    assert made.tables["t"].uniques == (None,)


@pytest.mark.parametrize("db", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_a_key_that_is_computed_is_not_modelled(db: str) -> None:
    computed = "u INTEGER GENERATED ALWAYS AS (v + 1) STORED"
    assert read(db, f"CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, {computed})").unfit == ""
    referring = f"CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, {computed} REFERENCES t (id))"
    assert read(db, referring).unfit == "a key that is computed"


@pytest.mark.parametrize("conflict", ["REPLACE", "ROLLBACK"])
def test_nor_is_a_conflict_that_does_more_than_refuse(conflict: str) -> None:
    texts = [
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT UNIQUE ON CONFLICT {each})" for each in (conflict, "ABORT")
    ]
    assert [bool(read("sqlite", each).unfit) for each in texts] == [True, False]


VIEW = "CREATE VIEW low AS SELECT id FROM t WHERE id < 5"


@pytest.mark.parametrize("db", [pytest.param(db, marks=() if db == "sqlite" else pytest.mark.slow) for db in ENGINES])
def test_what_a_view_asks_is_read(db: str) -> None:
    made = read(db, "CREATE TABLE t (id INTEGER PRIMARY KEY)", VIEW)
    assert made.views == {"low"}
    assert [Reader(made, db).look_at_view(text) for text in made.texts] == [""]


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["nextval('s')", "pg_try_advisory_xact_lock(7)", "(SELECT last_value FROM s)"])
def test_a_view_may_ask_for_more_than_rows(asked: str) -> None:
    made = read("postgresql", "CREATE SEQUENCE s", f"CREATE VIEW v AS SELECT {asked} AS n")
    assert all(Reader(made, "postgresql").look_at_view(text) for text in made.texts)


@pytest.mark.slow
def test_a_default_may_call_what_is_not_known() -> None:
    calls = "CREATE TABLE t (id INTEGER PRIMARY KEY, b BOOLEAN DEFAULT pg_try_advisory_xact_lock(3))"
    known = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TIMESTAMP DEFAULT now(), b VARCHAR(9) DEFAULT 'x (y)', c NUMERIC(9, 2) DEFAULT 0)"
    assert [bool(read("postgresql", each).unfit) for each in (calls, known)] == [True, False]


@pytest.mark.slow
def test_a_default_draws_from_a_sequence() -> None:
    made = read(
        "postgresql",
        "CREATE SEQUENCE s",
        "CREATE TABLE a (id SERIAL PRIMARY KEY, n INTEGER DEFAULT nextval('s'))",
        "CREATE TABLE b (id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n INTEGER GENERATED ALWAYS AS IDENTITY)",
        "CREATE TABLE c (id INTEGER DEFAULT nextval('s') PRIMARY KEY, n INTEGER DEFAULT 5, o INTEGER DEFAULT 10 + nextval('s'))",
    )
    drawn = {name: dict(table.numbers) for name, table in made.tables.items()}
    assert drawn["a"] == {"n": "#sequence s"}  # its own key is new in any case
    assert set(drawn["b"]) == {"n"}
    assert drawn["c"] == {"id": "#sequence s", "o": "*"}


@pytest.mark.slow
def test_values_of_some_collations_cannot_be_told_apart() -> None:
    columns = ", ".join(
        f"c{place} VARCHAR(9) COLLATE utf8mb4_{name}" for place, name in enumerate(["lithuanian_ci", "bin"])
    )
    made = read("mariadb", f"CREATE TABLE t (id INTEGER PRIMARY KEY, {columns})")
    assert dict(made.tables["t"].sorts) == {"id": "number", "c0": "", "c1": "text"}
