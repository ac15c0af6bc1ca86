"""A fresh bank on each engine; no test of RUN waits."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import case, create_engine, delete, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from acidity.engines import new_sandbox
from acidity.run import drivers, tables
from tests.run import bank, trip

ENGINES = ["sqlite", "postgresql", "mariadb"]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been waited."""
    waited: list[float] = []

    async def noted(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(drivers, "sleep", waited.append)
    monkeypatch.setattr(drivers, "async_sleep", noted)
    return waited


@pytest.fixture(scope="module", params=ENGINES)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = new_sandbox(request.param, {})
    try:
        made.create(in_one, bank.seed)
        yield made
    finally:
        made.close()


def in_one(engine: Engine) -> None:
    with engine.begin() as connection:
        bank.schema(connection)


@pytest.fixture
def database(sandbox: Any) -> Iterator[Engine]:
    """An engine on the bank, with the rows before."""
    engine = create_engine(sandbox.url())
    with engine.begin() as connection:
        connection.execute(update(bank.Account).values(balance=case((bank.Account.id == bank.ALICE, 100), else_=0)))
        connection.execute(delete(tables.marker))
    yield engine
    engine.dispose()


@pytest.fixture
def trips(database: Engine) -> Engine:
    """An engine on the bank, with the rows before a trip and no saga."""
    with Session(database) as session, session.begin():
        for table in (bank.Account.__table__, tables.saga, tables.saga_step):
            session.execute(delete(table))
        trip.seed(session)
    return database


@pytest.fixture
def asynchronous(sandbox: Any) -> SimpleNamespace:
    return SimpleNamespace(url=sandbox.url(asynchronous=True))


@pytest.fixture
def engine(tmp_path: Any) -> Iterator[Engine]:
    """The bank in a file of SQLite, unconfigured."""
    made = create_engine(f"sqlite:///{tmp_path}/bank.db")
    in_one(made)
    from sqlalchemy.orm import Session

    with Session(made) as session, session.begin():
        bank.seed(session)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[Any]:
    """The bank of an engine by its name, made when it is first asked for."""
    made: dict[str, Any] = {}

    def of(name: str) -> Any:
        if name not in made:
            made[name] = new_sandbox(name, {})
            made[name].create(in_one, bank.seed)
        return made[name]

    yield of
    for each in made.values():
        each.close()


@pytest.fixture
def bank_of(sandboxes: Any) -> Any:
    """The bank as a driver meets it."""
    from tests.run.attacked import attacked

    return lambda driver: attacked(sandboxes, driver)
