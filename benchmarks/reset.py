"""Reset and look of a Sandbox: 7 tables with 10 rows each, cyclic foreign keys."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from acidity.engines import ENGINES
from benchmarks.ledger import load

TABLES = 7
REPEATS = 200

metadata = MetaData()
for number in range(TABLES):
    Table(
        f"t{number}",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", String(40)),
        Column("next", ForeignKey(f"t{(number + 1) % TABLES}.id", use_alter=True, name=f"fk{number}")),
    )


def make(engine: Engine) -> None:
    """The tables and their rows."""
    sqlite = engine.dialect.name == "sqlite"
    if sqlite:
        for constraint in [c for table in metadata.tables.values() for c in table.foreign_key_constraints]:
            constraint.use_alter = False
    metadata.create_all(engine)
    with engine.begin() as connection:
        for round_ in (0, 1):
            for number in range(TABLES):
                for row in range(1, 11):
                    if round_ == 0:
                        connection.execute(text(f"INSERT INTO t{number} (id, name) VALUES ({row}, 'row {row}')"))
                    else:
                        connection.execute(text(f"UPDATE t{number} SET next = {row} WHERE id = {row}"))


def median_ms(action: Callable[[], object], before: Callable[[], object]) -> float:
    """Median milliseconds of an action, with something done before each."""
    times = []
    for _ in range(REPEATS):
        before()
        began = time.perf_counter()
        action()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def measure(name: str) -> None:
    """Print medians for one engine."""
    sandbox = ENGINES[name].sandbox({})
    try:
        sandbox.create(make, None)
        engine = create_engine(sandbox.url(), poolclass=NullPool)

        def touch() -> None:
            with engine.begin() as connection:
                for number in range(TABLES):
                    connection.execute(text(f"UPDATE t{number} SET name = 'touched' WHERE id = 1"))
            sandbox.settle([])
            sandbox.look()

        def burn() -> None:
            """The same, and a key that was handed out and rolled back."""
            touch()
            with engine.connect() as connection, suppress(IntegrityError):  # a sequence knows of no row made by hand
                connection.execute(text("INSERT INTO t0 (name) VALUES ('never')"))
                connection.rollback()
            sandbox.settle([])

        reset = median_ms(sandbox.reset, touch)
        burnt = median_ms(sandbox.reset, burn)
        look = median_ms(sandbox.look, lambda: None)
        engine.dispose()
    finally:
        sandbox.close()
    print(
        f"{name:11} reset of {TABLES} touched tables {reset:.2f} ms, with a key burnt {burnt / reset:.2f}×, "
        f"look {look:.2f} ms, {load()}"
    )


if __name__ == "__main__":
    for engine_name in sys.argv[1:] or ["sqlite"]:
        measure(engine_name)
