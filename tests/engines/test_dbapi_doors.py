"""How bare connections are made, whose they are, where they may lead, and that nothing of the hooks is left."""

from __future__ import annotations

import importlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from sqlite3 import connect as open_by_name
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection

from acidity.adapters.drivers import DRIVERS as REGISTRY
from acidity.adapters.seam import PassThrough
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from acidity.prove.stage.stage import Stage
from tests.engines.bank import kinds, staged
from tests.engines.raw import CREDIT, DEBIT, DRIVERS, Raw, run_raw

BOTH = ["statement", "statement", "commit"]


@pytest.fixture(params=DRIVERS, ids=str)
def raw(request: pytest.FixtureRequest) -> Raw:
    return request.param


# Injection

STOCK = {
    "sqlite": "sqlite3.Connection",
    "postgresql": "psycopg.Connection",
    "postgresql+psycopg2": "psycopg2.extensions.connection",
    "mariadb": "pymysql.connections.Connection",
    "mariadb+mysqldb": "MySQLdb.connections.Connection",
}
STOCK_ASYNC = {
    "sqlite": "aiosqlite.core.Connection",
    "postgresql": "psycopg.AsyncConnection",
    "postgresql+asyncpg": "asyncpg.connection.Connection",
    "mariadb": "aiomysql.connection.Connection",
}


def is_a(name: str, thing: Any) -> bool:
    module, _, attribute = name.rpartition(".")
    return isinstance(thing, getattr(importlib.import_module(module), attribute))


@pytest.mark.parametrize("db", STOCK)
def test_a_plain_function_is_given_the_stock_connection(db: str) -> None:
    def operation(dbapi_connection: Any) -> list[bool]:
        cursor = dbapi_connection.cursor()
        cursor.execute(DEBIT)
        return [is_a(STOCK[db], dbapi_connection), type(dbapi_connection).__name__ == STOCK[db].rpartition(".")[2]]

    run = run_raw(operation, db)
    assert run.ending.answer == [True, True]
    assert kinds(run) == ["statement"]
    assert not run.leaks  # it was closed


@pytest.mark.parametrize("db", STOCK_ASYNC)
def test_so_is_a_coroutine(db: str) -> None:
    async def operation(dbapi_connection: Any) -> bool:
        return is_a(STOCK_ASYNC[db], dbapi_connection)

    assert run_raw(operation, db).ending.answer is True


def test_the_annotation_asks_for_it() -> None:
    def by_class(connection: sqlite3.Connection) -> str:
        return type(connection).__name__

    def by_text(connection: Any) -> str:
        return type(connection).__module__.partition(".")[0]

    by_text.__annotations__["connection"] = "psycopg.Connection[Any]"
    assert run_raw(by_class, "sqlite").ending.answer == "Connection"
    assert run_raw(by_text, "sqlite").ending.answer == "sqlite3"


def test_a_connection_of_sqlalchemy_is_still_one() -> None:
    def operation(connection: Connection) -> str:
        return type(connection).__module__

    assert run_raw(operation, "sqlite").ending.answer == "sqlalchemy.engine.base"


def test_the_framework_commits() -> None:
    def operation(dbapi_connection: Any) -> None:
        dbapi_connection.execute(DEBIT)
        dbapi_connection.execute(CREDIT)

    run = run_raw(Operation(operation, commit=True), "sqlite")
    assert kinds(run) == BOTH


def test_what_connect_takes_is_injected() -> None:
    def operation(dsn: Any) -> str:
        return type(dsn).__name__

    found = {db: run_raw(operation, db).ending.answer for db in ("sqlite", "postgresql", "mariadb")}
    assert found == {"sqlite": "str", "postgresql": "str", "mariadb": "dict"}
    with pytest.raises(UsageError, match="dsn"):
        Operation(operation, inject="path")


# Connections of the operation


@pytest.mark.one_in(2)
def test_every_way_to_connect_passes(raw: Raw) -> None:
    run = run_raw(raw.right, raw.db)
    assert [kind for kind in kinds(run) if kind != "begin"] == BOTH
    assert not run.leaks


def by_name(dsn: str) -> None:
    with closing(open_by_name(dsn)) as connection, connection:
        connection.execute(DEBIT)


class Ledger(sqlite3.Connection):
    """A connection class of the user's own."""

    def debit(self) -> None:
        self.execute(DEBIT)
        self.commit()


class Noting(sqlite3.Cursor):
    """A cursor class of the user's own."""

    seen: list[str] = []

    def execute(self, sql: str, *arguments: Any) -> Any:
        self.seen.append(sql)
        return super().execute(sql, *arguments)


def by_factory(dsn: str) -> None:
    with closing(sqlite3.connect(dsn, factory=Ledger)) as connection:
        assert isinstance(connection, Ledger)
        connection.debit()


def by_positional_factory(dsn: str) -> None:
    with closing(sqlite3.connect(dsn, 5.0, 0, "", True, Ledger)) as connection:
        connection.debit()


def by_cursor_factory(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.cursor(Noting).execute(DEBIT)
        assert Noting.seen.pop() == DEBIT
        connection.commit()


def by_uri(dsn: str) -> None:
    with closing(sqlite3.connect(f"file:{dsn}?mode=rw", uri=True)) as connection, connection:
        connection.execute(DEBIT)


@pytest.mark.parametrize("function", [by_name, by_factory, by_positional_factory, by_cursor_factory, by_uri])
def test_sqlite3(function: Callable[[str], None]) -> None:
    assert kinds(run_raw(function, "sqlite")) == ["statement", "commit"]


def by_dict_cursor(dsn: str) -> dict[str, Any]:
    from psycopg2 import connect
    from psycopg2.extras import DictConnection, RealDictCursor

    with closing(connect(dsn, connection_factory=DictConnection)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT owner FROM accounts ORDER BY id")
            first = cursor.fetchone()["owner"]
        with connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute("SELECT owner FROM accounts ORDER BY id")
            return {first: dict(cursor.fetchone())}


def test_psycopg2() -> None:
    run = run_raw(by_dict_cursor, "postgresql+psycopg2")
    assert run.ending.answer == {"Alice": {"owner": "Alice"}}
    assert kinds(run) == ["statement", "statement"]


def by_a_dict_cursor(dsn: dict[str, Any]) -> Any:
    from pymysql import connect
    from pymysql.cursors import DictCursor

    with connect(**dsn, cursorclass=DictCursor) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT owner FROM accounts ORDER BY id FOR UPDATE")
        KEPT.append(connection)
        return cursor.fetchone()


KEPT: list[Any] = []


@pytest.mark.slow
def test_a_driver_that_is_imported_in_the_operation_is_hooked_then() -> None:
    """In a process of its own: nobody may have imported it before."""
    code = (
        "import sys; from acidity.prove import Operation; from tests.engines.raw import run_raw, DEBIT\n"
        "def operation(dsn):\n    import aiosqlite, asyncio\n    async def work():\n"
        "        async with aiosqlite.connect(dsn) as c:\n            await c.execute(DEBIT)\n    asyncio.run(work())\n"
        "assert 'aiosqlite' not in sys.modules\n"
        "run = run_raw(operation, 'sqlite'); print([str(e.call.kind) for e in run.history], run.bypasses)\n"
        "import aiosqlite.core as c; print(c.Connection.commit.__module__)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["['statement'] ()", "aiosqlite.core"], done.stderr


# Tables without SQLAlchemy

SCRIPT = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner VARCHAR(20) NOT NULL, balance INTEGER NOT NULL);
INSERT INTO accounts VALUES (1, 'Al;ice', 100), (2, '100%', 0);
"""


@pytest.mark.parametrize("db", ["sqlite", "postgresql", "mariadb"])
def test_a_script_makes_the_tables(db: str, tmp_path: Path) -> None:
    schema = tmp_path / "schema.sql"
    schema.write_text(SCRIPT, encoding="utf-8")
    right = next(raw.right for raw in DRIVERS if raw.db == db)
    with Stage(Scenario(Operation(right), schema=schema), db, {}) as stage:
        run = stage.run(stage.scenario.operations[0], PassThrough())
    assert [row[1:] for row in run.second.tables["accounts"].rows] == [("Al;ice", 90), ("100%", 10)]
    schema.write_text("CREATE TABLE accounts (id INTEGER; oh)", encoding="utf-8")
    with (
        pytest.raises(UsageError, match=r"schema\.sql cannot be created"),
        Stage(Scenario(Operation(right), schema=schema), db, {}),
    ):
        pass


# Nothing is left


@contextmanager
def unchanged() -> Iterator[None]:
    """What every driver's hooks touch is the same before and after."""
    before = snapshot()
    yield
    after = snapshot()
    assert after.keys() == before.keys()
    assert [name for name in before if before[name] is not after[name]] == []


def snapshot() -> dict[tuple[str, str, str], Any]:
    found: dict[tuple[str, str, str], Any] = {}
    for driver in REGISTRY:
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] != driver:
                continue
            for attribute, value in vars(module).items():
                found[name, attribute, ""] = value
                if isinstance(value, type) and value.__module__.partition(".")[0] == driver:
                    found.update({(name, attribute, own): thing for own, thing in vars(value).items()})
    return {key: value for key, value in found.items() if not key[2].startswith("_abc")}


def test_hooks_are_gone_after_the_run() -> None:
    for driver in REGISTRY:
        with suppress(ImportError):
            importlib.import_module(driver)
    run_raw(by_name, "sqlite")  # the hooks import what lies below the drivers' modules
    original, finders = sqlite3.connect, list(sys.meta_path)
    with unchanged():
        with staged(by_name) as stage:
            assert sqlite3.connect is not original
            assert open_by_name is sqlite3.connect
            stage.run(stage.scenario.operations[0], PassThrough())
        assert sqlite3.connect is original
        assert open_by_name is original
        with closing(sqlite3.connect(":memory:")) as own:
            assert type(own) is sqlite3.Connection
    assert sys.meta_path == finders


def test_what_a_run_kept_is_closed_and_of_no_use_to_the_next() -> None:
    def operation(dsn: str) -> str:
        if not KEPT:
            KEPT.append(sqlite3.connect(dsn))
        KEPT[0].execute(DEBIT)
        return "went on"

    KEPT.clear()
    with staged(operation) as stage:
        first, second = (stage.run(stage.scenario.operations[0], PassThrough()) for _ in range(2))
    assert first.leaks
    assert first.ending.answer == "went on"
    assert (second.ending.exception, second.ending.message) == (
        "ProgrammingError",
        "Cannot operate on a closed database.",
    )
    KEPT.clear()


def test_what_a_run_kept_is_closed_on_a_server_too() -> None:
    KEPT.clear()
    run = run_raw(by_a_dict_cursor, "mariadb")
    assert run.ending.answer == {"owner": "Alice"}
    assert not KEPT.pop().open


def test_an_engine_with_a_bare_creator_is_sqlalchemys() -> None:
    def operation(dsn: str) -> None:
        engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(dsn))
        with engine.begin() as connection:
            connection.execute(text(DEBIT))

    assert kinds(run_raw(operation, "sqlite")) == ["statement", "commit"]
