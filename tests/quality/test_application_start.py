"""The start and the end of a web application are guarded as an operation is: no foreign row, no hang, nothing unseen."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from acidity import prove
from acidity.core.report import Report
from acidity.errors import ForeignDatabase, UsageError
from acidity.prove import Operation, Scenario
from tests.engines.bank import Base, move, seed

Hook = Callable[[], Awaitable[None]]
engine: Engine = create_engine("sqlite://", poolclass=NullPool)  # bound to the Sandbox


async def nothing() -> None:
    """It does nothing."""


def application(startup: Hook = nothing, shutdown: Hook = nothing) -> Callable[..., Awaitable[None]]:
    """A right transfer behind a request; the hooks are its lifespan."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase, hook in (("startup", startup), ("shutdown", shutdown)):
                await receive()
                await hook()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        with Session(engine) as session, session.begin():
            move(session)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    return app


def drilled(app: Any, faults: tuple[str, ...] = ("error-before",), **options: Any) -> Report:
    operation = Operation.asgi(app, "POST", "/transfer")
    scenario = Scenario(operation, metadata=Base.metadata, setup=seed, bind=[f"{__name__}:engine"])
    return prove.drill(scenario, faults=faults, remedies=False, runs_max=1, **options)


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    path = tmp_path / "prod.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE prod (v)")
        connection.commit()
    return path


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM prod").fetchone()[0])


def doors(path: Path) -> dict[str, Callable[[], None]]:
    before = sqlite3.connect(path)

    def driver() -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("INSERT INTO prod VALUES (1)")
            connection.commit()

    def sqlalchemy() -> None:
        with create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as connection:
            connection.execute(text("INSERT INTO prod VALUES (1)"))

    def opened_before() -> None:
        before.execute("INSERT INTO prod VALUES (1)")
        before.commit()

    return {"driver": driver, "sqlalchemy": sqlalchemy, "opened before": opened_before, "close": before.close}


@pytest.mark.parametrize("door", ["driver", "sqlalchemy", "opened before"])
@pytest.mark.parametrize("phase", ["startup", "shutdown"])
def test_s2_an_application_reaches_no_foreign_row(foreign: Path, phase: str, door: str) -> None:
    opened = doors(foreign)

    async def reaches() -> None:
        with suppress(Exception):
            opened[door]()

    try:
        with pytest.raises(ForeignDatabase, match="did not create"):
            drilled(application(**{phase: reaches}))
    finally:
        opened["close"]()
    assert rows(foreign) == 0


def test_s2_nor_does_it_in_a_child_process(foreign: Path) -> None:
    async def reaches() -> None:
        if os.getpid() != here:
            with suppress(Exception):
                doors(foreign)["driver"]()

    here = os.getpid()
    drilled(application(startup=reaches), faults=("kill-before",))
    assert rows(foreign) == 0


async def reads() -> None:
    with Session(engine) as session:
        session.execute(text("SELECT 1"))


async def starts_a_process() -> None:
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)  # noqa: ASYNC221, ASYNC222 - it is short


def test_the_twin_an_application_that_looks_at_its_rows() -> None:
    report = drilled(application(reads, reads))
    (bound,) = report.unknowns
    assert "after 1 of" in bound


def test_an_application_that_starts_a_process_is_undecided() -> None:
    report = drilled(application(starts_a_process))
    assert any("another process was used" in why for why in report.unknowns)


def test_a_request_that_starts_a_process_is_undecided() -> None:
    inner = application()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await starts_a_process()
        await inner(scope, receive, send)

    assert any("another process was used" in why for why in drilled(app).unknowns)


def test_a_task_that_it_started_and_that_writes_beside_the_runs_is_undecided() -> None:
    kept: list[asyncio.Task[None]] = []

    async def works() -> None:
        while True:
            with Session(engine) as session:
                session.execute(text("SELECT 1"))
            await asyncio.sleep(0)

    async def starts() -> None:
        kept.append(asyncio.create_task(works()))

    report = drilled(application(starts))
    assert any("by a task that the application has started" in why for why in report.unknowns), report.unknowns


async def hangs() -> None:
    await asyncio.sleep(1000)


async def computes() -> None:
    while True:
        pass


@pytest.mark.dear
@pytest.mark.parametrize("hook", [hangs, computes])
@pytest.mark.one_in(3)
def test_an_application_that_does_not_start_is_a_wrong_use(hook: Hook) -> None:
    with pytest.raises(UsageError, match=r"the start of .* did not end within 0\.3 s; it stood at"):
        drilled(application(hook), run_timeout=0.3)


@pytest.mark.dear
def test_an_application_that_does_not_end_holds_nothing_up() -> None:
    report = drilled(application(shutdown=hangs), run_timeout=0.3)
    assert not any("did not end" in why for why in report.unknowns)
