"""Two private databases, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

from acidity.engines import new_sandbox
from acidity.engines.mariadb.server import start
from acidity.run import recover_two_phase, tables
from acidity.run.twophase.decision import identify
from tests.run.twophase.faults import is_there
from tests.run.twophase.programs import NUMBERS

NAMES = ("orders", "stock")
PAIRS = [("postgresql", "postgresql"), ("mariadb", "mariadb"), ("postgresql", "mariadb"), ("sqlite", "postgresql")]


class Base(DeclarativeBase):
    """Declarative base of these tests."""


class Work(Base):
    __tablename__ = "work"
    id: Mapped[int] = mapped_column(primary_key=True)


def schema(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE work (id INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE total (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO total VALUES (1, 0)"))
        tables.metadata.create_all(connection)


@contextmanager
def pair_on(*places: str) -> Iterator[Any]:
    """Two databases, each on an engine or on the server with this URL."""
    with ExitStack() as stack:
        ours = dict(zip(NAMES, (new_sandbox(place, {}) for place in places), strict=True))
        for each in ours.values():
            stack.callback(each.close)
            each.create(schema, None)
        engines = {name: create_engine(each.url(), poolclass=NullPool) for name, each in ours.items()}
        identify(engines["orders"])  # so that every run has the same steps
        yield SimpleNamespace(
            urls={name: each.url() for name, each in ours.items()},
            async_urls={name: each.url(asynchronous=True) for name, each in ours.items()},
            engines=engines,
        )
        recover_two_phase(**engines)  # what a failed test left prepared would keep its database


@pytest.fixture(scope="session")
def pair_of() -> Iterator[Callable[..., Any]]:
    """Gives the pair of databases on the engines named, made once.

    MariaDB is a server of its own: a prepared branch, which killed processes leave, keeps everybody from dropping
    databases on its server.
    """
    made: dict[tuple[str, ...], Any] = {}
    with ExitStack() as stack:

        def pair(*engines: str) -> Any:
            if engines not in made:
                places = [_mariadb(stack) if each == "mariadb" else each for each in engines]
                made[engines] = stack.enter_context(pair_on(*places))
            return made[engines]

        yield pair


def _mariadb(stack: ExitStack, held: list[str] = []) -> str:  # noqa: B006  # one for the whole session
    if not held:
        server = start(dedicated=True)
        stack.callback(server.stop)
        held.append(server.url())
    return held[0]


@pytest.fixture(scope="module", params=PAIRS, ids="+".join)
def pair(request: pytest.FixtureRequest, pair_of: Callable[..., Any]) -> Any:
    return pair_of(*request.param)


@pytest.fixture
def two(pair_of: Any) -> Any:
    """Two engines of different kinds."""
    return pair_of("postgresql", "mariadb").engines


@pytest.fixture
def one_kind(pair_of: Any) -> Any:
    """Two of one kind."""
    return pair_of("postgresql", "postgresql").engines


@pytest.fixture
def number() -> int:
    """Of a work that no other test does."""
    return next(NUMBERS)


def there(engines: Any, number: int) -> list[bool]:
    """On which of these databases the work with this number is committed."""
    return [is_there(engine, number) for engine in engines.values()]
