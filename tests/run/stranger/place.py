"""Programs of somebody who read only the pages: what ends a transaction, what autocommits, what shares or leaks a unit.

Each program gets a `Place`, writes row 1, does what it must not, and writes row 2, in one unit; `judged` compares what it
was told with the rows. What is here is common to all; the programs are in the other files, by what they try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from acidity import atomic

ASYNC = ("asyncpg", "psycopg_async", "aiomysql", "aiosqlite")
SERVER = {
    "sqlite3": "sqlite",
    "aiosqlite": "sqlite",
    "psycopg": "postgresql",
    "psycopg2": "postgresql",
    "asyncpg": "postgresql",
    "psycopg_async": "postgresql",
    "pymysql": "mariadb",
    "aiomysql": "mariadb",
}

NAMES = {
    "sqlite3": "sqlite+pysqlite",
    "aiosqlite": "sqlite+aiosqlite",
    "psycopg": "postgresql+psycopg",
    "psycopg2": "postgresql+psycopg2",
    "asyncpg": "postgresql+asyncpg",
    "psycopg_async": "postgresql+psycopg",
    "pymysql": "mysql+pymysql",
    "aiomysql": "mysql+aiomysql",
}
_MARIADB = (
    "CREATE PROCEDURE ends() BEGIN COMMIT; START TRANSACTION; END",
    "CREATE PROCEDURE hides() BEGIN ROLLBACK; START TRANSACTION; SAVEPOINT acidity; SAVEPOINT sa_savepoint_1; END",
)
DIALECTS = {
    "sqlite": ("CREATE TRIGGER g BEFORE INSERT ON u BEGIN SELECT RAISE(ROLLBACK, 'no'); END",),
    "postgresql": ("CREATE PROCEDURE ends() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$",),
    "mysql": _MARIADB,
    "mariadb": _MARIADB,
}


class BoomError(Exception):
    """What a program raises itself, so that nothing may stay."""


class Place:
    """A database, and the driver by which a program reaches it."""

    def __init__(self, driver: str, url: str, look: Any) -> None:
        self.driver, self.url, self.look = driver, url, look
        self.server = SERVER[driver]
        self.is_async = driver in ASYNC
        self.made: list[Any] = []

    def engine(self, **options: Any) -> Any:
        """An engine on it, which is disposed of in the end."""
        made = (create_async_engine if self.is_async else create_engine)(self.url, **options)
        self.made.append(made)
        return made

    def rows(self) -> set[int]:
        """What is there, as somebody else sees it."""
        with self.look.connect() as connection:
            return set(connection.execute(text("SELECT id FROM t")).scalars())

    def leave(self) -> None:
        """Close what a program has left open."""
        for each in self.made:
            core = getattr(each, "sync_engine", each)
            with suppress(Exception):
                core.dispose(close=core is each)
        self.made.clear()
        self.look.dispose()

    def clear(self) -> None:
        """No rows, and nothing that an earlier program has prepared."""
        if self.server == "postgresql":  # what a program has prepared keeps its locks
            with self.look.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                asked = text("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")
                for left in connection.scalars(asked).all():
                    connection.exec_driver_sql(f"ROLLBACK PREPARED '{left}'")
        with self.look.begin() as connection:
            connection.execute(text("DELETE FROM t"))

    def unit(self, body: Callable[[Any], Any], engine: Any = None, **options: Any) -> Any:
        """Run `body` in a unit, in a task of its own where the driver is async."""
        engine = engine or self.engine()
        if not self.is_async:
            try:
                with atomic(engine, **options) as session:
                    return body(session)
            finally:
                engine.dispose()

        async def go() -> Any:
            try:
                async with atomic(engine, **options) as session:
                    return await session.run_sync(body)
            finally:
                await engine.dispose()

        return asyncio.run(go())


SQLITE, POSTGRES, MARIA = "sqlite3 aiosqlite", "psycopg psycopg2 asyncpg psycopg_async", "pymysql aiomysql"
ALL = f"{SQLITE} {POSTGRES} {MARIA}"
PLAIN = "sqlite3 psycopg psycopg2 pymysql"
ON_SERVERS = "psycopg psycopg2 pymysql"


def write(session: Any, number: int) -> None:
    session.execute(text(f"INSERT INTO t VALUES ({number})"))


def in_thread(function: Callable[[], Any]) -> None:
    """Call it in a thread, and raise here what it raises there."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(function).result(8)


class Program(NamedTuple):
    """What somebody wrote.

    Attributes:
        name: of the program.
        drivers: that it concerns.
        run: the program.
        afterwards: rows that are right beside all and nothing, as they come after the unit's end.
    """

    name: str
    drivers: tuple[str, ...]
    run: Callable[[Place], Any]
    afterwards: set[int] | None = None


class Programs(list[Program]):
    """The programs of one file."""

    def on(self, drivers: str, *afterwards: int) -> Callable[[Any], Any]:
        """Add this function, for the drivers that are named, with the rows that may be there afterwards."""

        def add(function: Callable[[Place], Any]) -> Callable[[Place], Any]:
            self.append(Program(function.__name__, tuple(drivers.split()), function, {*afterwards} or None))
            return function

        return add


def judged(place: Place, run: Callable[[], Any], afterwards: set[int] | None = None) -> tuple[str, str]:
    """("refused" | "right" | "wrong", what was told and found)."""
    told, module = "nothing", ""
    try:
        run()
    except Exception as error:
        told, module = f"{type(error).__name__}: {error}".split("\n")[0][:230], type(error).__module__
        unknown = type(error).__name__ in ("TransactionEnded", "CommitUnknown")
    else:
        unknown = False
    rows = place.rows()
    found = f"{told} | rows {sorted(rows)}"
    if afterwards is not None and rows == afterwards:
        return ("right" if told == "nothing" else "refused"), found
    if told == "nothing":
        return ("right" if rows == {1, 2} else "wrong"), found
    if module.startswith("acidity"):
        return ("refused" if unknown or not rows else "wrong"), found
    return ("right" if not rows else "wrong"), found
