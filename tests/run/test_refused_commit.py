"""A COMMIT that the database refuses ends the unit: what refused it is told, everything is undone, and it can be retried.

Deferred constraints are looked at when COMMIT is sent, so PostgreSQL has no transaction any more when it answers with an
error; SQLite leaves it open. That a driver says "there is none" is then no sign that somebody else has ended it.
"""
# ruff: noqa: PT012 - a unit of work is a block, and what it refuses is in it

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.engines import new_sandbox
from acidity.run import RetriesExhausted, State, TransactionEnded, configure_sqlite

TABLES = (
    "CREATE TABLE parcels (id INTEGER PRIMARY KEY)",
    "CREATE TABLE labels (parcel_id INTEGER REFERENCES parcels(id) DEFERRABLE INITIALLY DEFERRED)",
)
LABEL = text("INSERT INTO labels VALUES (9)")
CONFLICT = (
    """
    CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON parcels DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION conflict()
    """,
)


@pytest.fixture(params=["sqlite", "postgresql"])  # MariaDB has no deferred constraints
def deferred(request: pytest.FixtureRequest) -> Iterator[Any]:
    sandbox: Any = new_sandbox(request.param, {})
    try:
        sandbox.create(lambda engine: engine.dispose(), lambda session: None)
        yield sandbox
    finally:
        sandbox.close()


@pytest.fixture
def parcels(deferred: Any) -> Iterator[Engine]:
    engine = create_engine(deferred.url())
    if engine.dialect.name == "sqlite":
        configure_sqlite(engine)
    with engine.begin() as connection:
        for each in TABLES if engine.dialect.name == "sqlite" else (*TABLES, *CONFLICT):
            connection.execute(text(each))
    yield engine
    engine.dispose()


def labels(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM labels")).scalar_one())


@pytest.mark.parametrize("hands_out", [False, True])
def test_what_refused_it_is_told(parcels: Engine, *, hands_out: bool) -> None:
    seen: list[State] = []
    with pytest.raises(IntegrityError):
        with atomic(parcels, on_transition=lambda unit, old, new: seen.append(new)) as session:
            session.execute(LABEL)
            if hands_out:
                session.connection().connection.driver_connection  # noqa: B018 - the unit watches it from now on
    assert [state.value for state in seen] == ["partially committed", "failed", "aborted"]
    assert labels(parcels) == 0


def test_a_task_is_told_the_same(deferred: Any, parcels: Engine) -> None:
    async def label() -> None:
        engine = create_async_engine(deferred.url(asynchronous=True))
        if engine.dialect.name == "sqlite":
            configure_sqlite(engine)
        try:
            async with atomic(engine) as session:
                await session.execute(LABEL)
        finally:
            await engine.dispose()

    with pytest.raises(IntegrityError):
        asyncio.run(label())
    assert labels(parcels) == 0


@pytest.mark.parametrize("deferred", ["postgresql"], indirect=True)
def test_a_conflict_that_commit_finds_is_tried_again(parcels: Engine) -> None:
    attempts = []

    @atomic(parcels, max_attempts=3)
    def unit(session: Session) -> None:
        attempts.append(session.execute(text("INSERT INTO parcels VALUES (1)")))

    with pytest.raises(RetriesExhausted):
        unit()
    assert len(attempts) == 3


@pytest.mark.parametrize("deferred", ["postgresql"], indirect=True)
def test_an_end_by_other_means_is_still_told(parcels: Engine) -> None:
    with pytest.raises(TransactionEnded):
        with atomic(parcels) as session:
            session.execute(LABEL)
            session.connection().connection.driver_connection.rollback()
            raise LookupError
