"""Programs of a stranger: refused, or right; never acknowledged and lost, never committed after an exception."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from acidity.engines import new_sandbox
from tests.run.stranger import autocommits, blocks, sharing, tasks
from tests.run.stranger.endings import ENDINGS
from tests.run.stranger.place import ASYNC, DIALECTS, NAMES, SERVER, Place, judged

QUICK = {"sqlite3", "psycopg", "pymysql"}
SECONDS_MAX = 40  # a hang is a failure


def programs() -> Iterator[Any]:
    """Each on all drivers that it concerns; by default one of each engine, and endings in units that raise only."""
    for driver in SERVER:
        quick = [] if driver in QUICK else [pytest.mark.slow]
        for ending in ENDINGS:
            if driver in ending.drivers:
                for raises in (False, True):
                    marks = quick if raises else [pytest.mark.slow]
                    run = partial(ending.hit, raises=raises)
                    how = "raises" if raises else "goes-on"
                    yield pytest.param(driver, run, None, id=f"{driver}-{ending.name}-{how}", marks=marks)
        for program in (*autocommits.PROGRAMS, *sharing.PROGRAMS, *blocks.PROGRAMS, *tasks.PROGRAMS):
            if driver in program.drivers:
                yield pytest.param(driver, program.run, program.afterwards, id=f"{driver}-{program.name}", marks=quick)


def schema(engine: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (id INT PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE u (id INT PRIMARY KEY)"))
        for statement in DIALECTS[connection.dialect.name]:
            connection.exec_driver_sql(statement)


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[str], Any]]:
    made: dict[str, Any] = {}

    def of(name: str) -> Any:
        if name not in made:
            made[name] = new_sandbox(name, {})
            made[name].create(schema, None)
        return made[name]

    yield of
    for each in made.values():
        each.close()


@pytest.fixture
def place(servers: Callable[[str], Any], driver: str) -> Iterator[Place]:
    sandbox = servers(SERVER[driver])
    url = make_url(sandbox.url(asynchronous=driver in ASYNC)).set(drivername=NAMES[driver])
    look = create_engine(sandbox.url(), poolclass=NullPool)
    made = Place(driver, url.render_as_string(hide_password=False), look)
    made.clear()
    yield made
    made.leave()


@pytest.mark.parametrize(("driver", "run", "afterwards"), list(programs()))
@pytest.mark.filterwarnings("ignore")  # what such a program leaves behind is warned of by Python and SQLAlchemy
def test_refused_or_right(place: Place, run: Callable[[Place], Any], afterwards: set[int] | None) -> None:
    def hangs(*_: Any) -> None:
        raise AssertionError("hangs")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(SECONDS_MAX)
    try:
        verdict, found = judged(place, lambda: run(place), afterwards)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert verdict in ("refused", "right"), found
