"""An empty outbox on each engine, and a clock that only tests move."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, delete
from sqlalchemy.engine import Engine

from acidity.run import tables


class Clock:
    def __init__(self) -> None:
        self.time = dt.datetime(2026, 1, 1, 12, 0)  # noqa: DTZ001  # as the tables have it

    def __call__(self) -> dt.datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(tables, "now", made)
    return made


# MariaDB answers SKIP LOCKED with error 1180 where innodb_lock_wait_timeout is 0, so it is not for relays.
IMPATIENT = {
    "sqlite": {"timeout": 0},
    "postgresql": {"options": "-c lock_timeout=20ms"},
    "mariadb": {"init_command": "SET SESSION innodb_lock_wait_timeout = 0"},
}


@pytest.fixture
def shop(sandbox: Any, database: Engine) -> Iterator[Engine]:
    """An engine on an empty outbox; on SQLite nobody waits for the write lock."""
    patience: Any = IMPATIENT["sqlite"] if database.dialect.name == "sqlite" else {}
    engine = create_engine(sandbox.url(), connect_args=patience)
    with engine.begin() as connection:
        connection.execute(delete(tables.outbox))
        connection.execute(delete(tables.outbox_key))
    yield engine
    engine.dispose()


@pytest.fixture
def impatient(sandbox: Any, shop: Engine) -> Iterator[Engine]:
    """The same outbox; what would wait for a lock raises instead."""
    patience: Any = IMPATIENT[shop.dialect.name]
    engine = create_engine(sandbox.url(), connect_args=patience)
    yield engine
    engine.dispose()
