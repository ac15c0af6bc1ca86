"""While one actor is held at a Call, what another does past the seam is noticed, and a foreign database is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from acidity.errors import ForeignDatabase
from tests.engines.actors import Ground, Script, Told, gated

RAW = "a statement was sent on the raw driver connection"
WRITE = "UPDATE accounts SET balance = 9 WHERE id = 2"
READ = text("SELECT balance FROM accounts WHERE id = 1")


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def bank(request: pytest.FixtureRequest, grounds: dict[str, Ground]) -> Iterator[Ground]:
    yield grounds[request.param]
    grounds[request.param].put_back()


@pytest.fixture
def file(grounds: dict[str, Ground]) -> Iterator[Ground]:
    yield grounds["sqlite"]
    grounds["sqlite"].put_back()


class Held(Script):
    """A is held at its first Call until B has ended."""

    def __init__(self) -> None:
        super().__init__("B" * 100)


def beside_a_held_one(bank: Ground, intruder: Callable[[], Any], reader: Callable[[], Any]) -> Told:
    script = Held()

    def beside() -> Any:
        script.until_held("A")
        return intruder()

    return bank.in_threads({"A": reader, "B": beside}, gated("AB", script), script)


def reads(url: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(READ)


def test_a_statement_on_a_raw_connection_is_noticed(bank: Ground) -> None:
    url = bank.sandbox.url()

    def intruder() -> None:
        with create_engine(url, poolclass=NullPool).connect() as connection:
            connection.execute(READ)
            connection.connection.cursor().execute(WRITE)

    told = beside_a_held_one(bank, intruder, lambda: reads(url))
    assert not told.failures()
    assert any(words.startswith(RAW) for words in told.bypasses), told.bypasses


def test_the_right_twin_is_not_accused(bank: Ground) -> None:
    url = bank.sandbox.url()

    def twin() -> None:
        with create_engine(url, poolclass=NullPool).begin() as connection:
            connection.execute(READ)
            connection.execute(text(WRITE))

    told = beside_a_held_one(bank, twin, lambda: reads(url))
    assert not told.failures()
    assert not told.bypasses
    assert not told.refused


def opens_by_the_class(path: Path) -> None:
    with closing(sqlite3.Connection(path)) as connection:
        connection.execute("CREATE TABLE mine (id INTEGER)")


def opens_by_connect(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (id INTEGER)")


def opens_by_an_engine(path: Path) -> None:
    with create_engine(f"sqlite:///{path}").begin() as connection:
        connection.execute(text("CREATE TABLE mine (id INTEGER)"))


def opens_by_attach(path: Path, bank: Ground) -> None:
    with closing(sqlite3.connect(bank.sandbox.dsn())) as connection:
        connection.execute(f"ATTACH DATABASE '{path}' AS other")


FOREIGN = [opens_by_the_class, opens_by_connect, opens_by_an_engine]


def refused(bank: Ground, opens: Callable[[Path], None], foreign: Path) -> None:
    told = beside_a_held_one(bank, lambda: opens(foreign), lambda: reads(bank.sandbox.url()))
    assert not foreign.exists()
    assert [type(error) for error in told.failures().values()] == [ForeignDatabase]
    assert told.refused


@pytest.mark.parametrize("opens", [opens_by_connect, opens_by_an_engine], ids=lambda function: function.__name__)
def test_a_foreign_database_is_refused(bank: Ground, opens: Callable[[Path], None], tmp_path: Path) -> None:
    refused(bank, opens, tmp_path / "foreign.db")


def test_a_foreign_file_that_is_opened_past_connect_is_refused(file: Ground, tmp_path: Path) -> None:
    refused(file, opens_by_the_class, tmp_path / "foreign.db")


def test_attach_is_refused(file: Ground, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    told = beside_a_held_one(file, lambda: opens_by_attach(foreign, file), lambda: reads(file.sandbox.url()))
    assert not foreign.exists()
    assert told.refused


# The same in tasks of one loop


async def reads_async(url: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.execute(READ)
    await engine.dispose()


async def send_past_the_seam(connection: Any) -> None:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    if driver.__module__.startswith("aiosqlite"):
        await driver._execute(driver._conn.execute, WRITE)
    elif driver.__module__.startswith("aiomysql"):
        async with driver.cursor() as cursor:
            await cursor.execute(WRITE)
    else:
        await driver.execute(WRITE)


def tasks_beside_a_held_one(bank: Ground, intruder: Callable[[], Any]) -> Told:
    script = Held()
    url = bank.sandbox.url(asynchronous=True)

    async def beside() -> Any:
        await script.until_held_async("A")
        return await intruder()

    return bank.in_tasks({"A": lambda: reads_async(url), "B": beside}, gated("AB", script), script)


def test_a_task_that_uses_a_raw_connection_is_noticed(bank: Ground) -> None:
    async def intruder() -> None:
        async with create_async_engine(bank.sandbox.url(asynchronous=True), poolclass=NullPool).connect() as connection:
            await connection.execute(READ)
            await send_past_the_seam(connection)

    told = tasks_beside_a_held_one(bank, intruder)
    assert not told.failures()
    assert any(words.startswith(RAW) for words in told.bypasses), told.bypasses


def test_the_right_twin_in_a_task_is_not_accused(bank: Ground) -> None:
    async def twin() -> None:
        async with create_async_engine(bank.sandbox.url(asynchronous=True), poolclass=NullPool).begin() as connection:
            await connection.execute(READ)
            await connection.execute(text(WRITE))

    told = tasks_beside_a_held_one(bank, twin)
    assert not told.failures()
    assert not told.bypasses


@pytest.mark.parametrize("opens", FOREIGN, ids=lambda function: function.__name__)
def test_a_foreign_database_is_refused_in_a_task(file: Ground, opens: Callable[[Path], None], tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"

    async def intruder() -> None:
        opens(foreign)

    told = tasks_beside_a_held_one(file, intruder)
    assert not foreign.exists()
    assert [type(error) for error in told.failures().values()] == [ForeignDatabase]
