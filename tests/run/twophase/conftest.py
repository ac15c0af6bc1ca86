"""Two private databases, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.pool import NullPool

from acidity.engines import new_sandbox
from acidity.run import recover_two_phase, tables

NAMES = ("orders", "stock")
PAIRS = [("postgresql", "postgresql"), ("mariadb", "mariadb"), ("postgresql", "mariadb"), ("sqlite", "postgresql")]


def schema(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE work (id INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE total (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO total VALUES (1, 0)"))
        tables.metadata.create_all(connection)


@pytest.fixture(scope="module")
def pair_of() -> Iterator[Callable[..., Any]]:
    """Makes pairs of databases on the engines named, once for each module."""
    made: dict[tuple[str, ...], Any] = {}
    sandboxes: list[Any] = []

    def make(*engines: str) -> Any:
        if engines not in made:
            ours = [new_sandbox(each, {}) for each in engines]
            sandboxes.extend(ours)
            for each in ours:
                each.create(schema, None)
            made[engines] = SimpleNamespace(
                urls={name: each.url() for name, each in zip(NAMES, ours, strict=True)},
                async_urls={name: each.url(asynchronous=True) for name, each in zip(NAMES, ours, strict=True)},
                engines={
                    name: create_engine(each.url(), poolclass=NullPool)
                    for name, each in zip(NAMES, ours, strict=True)
                },
            )
        return made[engines]

    yield make
    for each in made.values():
        recover_two_phase(**each.engines)  # what a failed test left prepared would keep others from the server
    for sandbox in sandboxes:
        sandbox.close()


@pytest.fixture(scope="module", params=PAIRS, ids="+".join)
def pair(request: pytest.FixtureRequest, pair_of: Callable[..., Any]) -> Any:
    return pair_of(*request.param)
