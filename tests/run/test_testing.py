"""Tests with real commits: what the usual outer transaction hides is seen, and every test begins with the same rows."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool

from acidity import atomic, configure_sqlite, on_commit, prove
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from acidity.run import RetriesExhausted, drivers
from acidity.testing import ThrowAwayDatabase, no_waits, throw_away
from tests.run import bank
from tests.run.conftest import ENGINES

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[2] / "docs" / "run" / "testing.md").read_text(encoding="utf-8")
ALONE = ("-p", "_acidity_pytest")


@pytest.fixture
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pytest of a child loads acidity's plugin alone: half of what it costs is the import of the others."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def schema(connection: Connection) -> None:
    bank.schema(connection)
    connection.execute(text("CREATE TABLE owners (id INTEGER PRIMARY KEY)"))
    deferred = "" if connection.dialect.name == "mariadb" else "REFERENCES owners(id) DEFERRABLE INITIALLY DEFERRED"
    connection.execute(text(f"CREATE TABLE cards (owner_id INTEGER {deferred})"))


@pytest.fixture(scope="module", params=ENGINES)
def made(request: pytest.FixtureRequest) -> Iterator[ThrowAwayDatabase]:
    with throw_away(request.param, schema=schema, setup=bank.seed) as database:
        yield database


@pytest.fixture
def database(made: ThrowAwayDatabase) -> Iterator[ThrowAwayDatabase]:
    with made.fresh():
        yield made


def balances(engine: Engine) -> list[int]:
    with Session(engine) as session:
        return list(session.scalars(select(bank.Account.balance).order_by(bank.Account.id)))


def transfer(what: Any, amount: int = 10) -> None:
    atomic(what)(bank.move)(amount)


# What an outer transaction hides


@pytest.fixture
def nested(database: ThrowAwayDatabase) -> Iterator[Session]:
    """The usual recipe: the test's code in a transaction that is rolled back."""
    with database.engine.connect() as connection, connection.begin() as outer:
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            yield session
        outer.rollback()


def issue_a_card_to_nobody(session: Session) -> None:
    session.execute(text("INSERT INTO cards VALUES (99)"))
    session.commit()


@pytest.fixture
def enforcing(database: ThrowAwayDatabase) -> None:
    """Real transactions and foreign keys, which the others have anyway."""
    if database.name == "sqlite":
        configure_sqlite(database.engine, begin="DEFERRED")


@pytest.mark.parametrize("made", ["sqlite", "postgresql"], indirect=True)
def test_a_refused_commit_is_hidden_by_the_recipe(enforcing: None, nested: Session) -> None:
    issue_a_card_to_nobody(nested)
    assert nested.scalar(text("SELECT count(*) FROM cards")) == 1


@pytest.mark.parametrize("made", ["sqlite", "postgresql"], indirect=True)
def test_a_refused_commit_is_seen(enforcing: None, database: ThrowAwayDatabase) -> None:
    with Session(database.engine) as session, pytest.raises(IntegrityError):
        issue_a_card_to_nobody(session)


def test_other_sessions_see_nothing_in_the_recipe(
    enforcing: None, nested: Session, database: ThrowAwayDatabase
) -> None:
    nested.get_one(bank.Account, bank.ALICE).balance = 5
    nested.commit()
    assert balances(database.engine) == [100, 0]


def test_other_sessions_see_what_is_committed(database: ThrowAwayDatabase) -> None:
    with Session(database.engine) as session:
        session.get_one(bank.Account, bank.ALICE).balance = 5
        session.commit()
        assert balances(database.engine) == [5, 0]


def test_atomic_refuses_the_recipe_and_names_the_remedy(database: ThrowAwayDatabase) -> None:
    with database.engine.connect() as connection:
        for what in (connection, sessionmaker(connection, join_transaction_mode="create_savepoint")):
            with pytest.raises(UsageError, match="fixture acidity_database"):
                transfer(what)


def test_so_does_the_async_one(database: ThrowAwayDatabase) -> None:
    async def use() -> None:
        async with database.async_engine.connect() as connection:
            with pytest.raises(UsageError, match="fixture acidity_database"):
                async with atomic(async_sessionmaker(connection)):
                    pass

    asyncio.run(use())


# The rows before


@pytest.mark.parametrize("which", ["first", "second"])
def test_each_test_begins_with_the_same_rows(database: ThrowAwayDatabase, which: str) -> None:
    assert balances(database.engine) == [100, 0]
    told: list[str] = []
    with atomic(database.engine) as session:
        bank.move(session, 10)
        on_commit(lambda: told.append(which))
        assert told == []
    assert told == [which]
    assert balances(database.engine) == [90, 10]


def test_the_schema_comes_back(made: ThrowAwayDatabase) -> None:
    with made.fresh(), made.engine.begin() as connection:
        connection.execute(text("CREATE TABLE more (id INTEGER)"))
        connection.execute(text("DROP TABLE cards"))
    with made.fresh():
        assert {"accounts", "cards"} < set(inspect(made.engine).get_table_names())
        assert not inspect(made.engine).has_table("more")


def test_engines_that_outlive_a_test(made: ThrowAwayDatabase) -> None:
    """A pool of the user's must not go on with the file of the test before."""
    lasting = create_engine(made.url)
    if made.name == "sqlite":
        configure_sqlite(lasting)
    for _ in range(3):
        with made.fresh():
            assert balances(lasting) == [100, 0]
            transfer(lasting)
            assert balances(lasting) == balances(made.engine) == [90, 10]
    lasting.dispose()


@pytest.mark.parametrize("how", ["a session", "the driver"])
def test_a_test_that_leaves_its_transaction_open(made: ThrowAwayDatabase, how: str) -> None:
    with made.fresh():
        theirs = create_engine(made.url, poolclass=NullPool)
        left = theirs.connect()
        connection: Any = left.connection.driver_connection
        if how == "the driver":
            left.detach()
        connection.cursor().execute("UPDATE accounts SET balance = 1")
    with made.fresh():
        assert balances(made.engine) == [100, 0]
        transfer(made.engine)  # no lock is left
    left.invalidate()
    with suppress(Exception):
        connection.close()


def test_async(database: ThrowAwayDatabase) -> None:
    async def use() -> int:
        async with atomic(database.async_engine) as session:
            await session.run_sync(bank.move, 10)
        async with AsyncSession(database.async_engine) as session:
            return (await session.get_one(bank.Account, bank.BOB)).balance

    assert asyncio.run(use()) == 10
    with pytest.raises(AssertionError):
        assert asyncio.run(use()) == 10  # another loop, and the rows of this test


def test_threads(database: ThrowAwayDatabase) -> None:
    """They are transactions of their own, which lose updates unless they lock."""
    threads = [threading.Thread(target=bank.locking, args=(database.engine, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert balances(database.engine) == [60, 40]


# Engines of the program


def module_with(**attributes: Any) -> str:
    name = "acidity_tested_program"
    sys.modules[name] = module = ModuleType(name)
    vars(module).update(attributes)
    return f"{name}:engine"


@pytest.fixture
def _program() -> Iterator[None]:
    yield
    sys.modules.pop("acidity_tested_program", None)


@pytest.mark.usefixtures("_program")
@pytest.mark.parametrize(
    ("kind", "db"),
    [
        *(("memory", "sqlite"), ("memory", "postgresql"), ("file", "sqlite"), ("file", "mariadb")),
        *(("server", "postgresql"), ("server", "sqlite"), ("creator", "postgresql"), ("creator", "sqlite")),
    ],
)
def test_bound_engines(kind: str, db: str, tmp_path: Path) -> None:
    """Whatever the program's engine is, it leads to the throw-away database, and back."""
    make = {
        "memory": lambda: create_engine("sqlite://"),
        "file": lambda: create_engine(f"sqlite:///{tmp_path}/theirs.db"),
        "server": lambda: create_engine("postgresql+psycopg://nobody@nowhere.invalid/theirs"),
        "creator": lambda: create_engine("postgresql+psycopg://", creator=lambda: 1 / 0),
    }[kind]
    theirs = make()
    if kind == "file":
        configure_sqlite(theirs)
    url = theirs.url
    with throw_away(db, schema=schema, setup=bank.seed, bind=module_with(engine=theirs)) as made:
        for _ in range(2):
            with made.fresh():
                assert theirs.dialect.name == made.engine.dialect.name
                assert balances(theirs) == [100, 0]
                transfer(sessionmaker(theirs))
                assert balances(theirs) == balances(made.engine) == [90, 10]
            assert theirs.url == url
    if kind == "file":
        assert inspect(theirs).get_table_names() == []
    theirs.dispose()


@pytest.mark.usefixtures("_program")
@pytest.mark.parametrize("db", ENGINES)
def test_bound_async_engine(db: str) -> None:
    theirs = create_async_engine("sqlite+aiosqlite://")

    async def use() -> None:
        async with atomic(theirs) as session:
            await session.run_sync(bank.move, 10)

    with throw_away(db, schema=schema, setup=bank.seed, bind=module_with(engine=theirs)) as made:
        for _ in range(2):
            with made.fresh():
                asyncio.run(use())
                assert balances(made.engine) == [90, 10]


@pytest.mark.dear
@pytest.mark.usefixtures("_program")
def test_a_drill_inside_a_test(tmp_path: Path) -> None:
    """Its own Sandbox takes the engine over, and gives it back to the test."""
    theirs = create_engine(f"sqlite:///{tmp_path}/theirs.db")
    bind = module_with(engine=theirs)

    def operation(amount: int) -> None:
        transfer(theirs, amount)

    with throw_away(schema=schema, setup=bank.seed, bind=bind) as made, made.fresh():
        transfer(theirs, 20)
        scenario = Scenario(Operation(operation, 10), schema=bank.schema, setup=bank.seed, bind=bind)
        report = prove.drill(scenario, runs_max=9)
        assert (report.verdict, report.findings) == ("unknown", ())  # no more than nine were made
        assert balances(theirs) == balances(made.engine) == [80, 20]


# Waits


def test_no_waits(tmp_path: Path, waits: list[float]) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/busy.db", connect_args={"timeout": 0})
    fails = atomic(engine, max_attempts=3)(lambda session: session.execute(text("CREATE TABLE t (id INTEGER)")))
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        before = drivers.sleep
        with no_waits(), pytest.raises(RetriesExhausted, match="all 3 attempts"):
            fails()
        assert (waits, drivers.sleep) == ([], before)
        with pytest.raises(RetriesExhausted, match="all 3 attempts"):
            fails()
        assert len(waits) == 2
        other.rollback()
    engine.dispose()


# Refused


def test_a_setup_that_fails() -> None:
    with pytest.raises(UsageError, match=r"setup= cannot write.*accounts"):
        with throw_away(schema=lambda connection: None, setup=bank.seed):
            pass
    with pytest.raises(UsageError, match="metadata= and schema="):
        with throw_away():
            pass
    with pytest.raises(UsageError, match="no engine is called 'oracle'"):
        with throw_away("oracle", schema=schema):
            pass


# The plugin


def test_the_plugin_is_registered() -> None:
    """The tests here name it, so that a child need not load every other one."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"acidity": "_acidity_pytest"}


def test_the_plugin_is_cheap() -> None:
    code = "import sys, _acidity_pytest; sys.exit(any(name in sys.modules for name in ('acidity', 'sqlalchemy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


APP = """
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from acidity import atomic

engine = create_engine("sqlite:///theirs.db")
SessionLocal = sessionmaker(engine)

class Base(DeclarativeBase): ...

class Account(Base):
    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]

@atomic(SessionLocal)
def transfer(session, source, target, amount):
    session.get_one(Account, source).balance -= amount
    session.get_one(Account, target).balance += amount
"""


@pytest.mark.usefixtures("no_other_plugins")
@pytest.mark.slow
def test_the_page_runs_on_every_database(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(app=APP)
    for name, block in re.findall(r"```py\n# (\w+)\.py\n(.*?)```", PAGE, re.DOTALL):
        pytester.makepyfile(**{name: block})
    pytester.makeini('[pytest]\nacidity_db = sqlite "mariadb"')
    result = pytester.runpytest_subprocess(*ALONE, "-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines_random(["*test_transfer?sqlite?*", "*test_transfer?mariadb?*"])
    assert not (pytester.path / "theirs.db").exists()


WITH_SCHEMA = """
import pytest

@pytest.fixture(scope="session")
def acidity_schema():
    return {}

def test_{}(acidity_database):
    assert acidity_database.name == "{}"
    with acidity_database.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO {} VALUES (1)")
"""


@pytest.mark.usefixtures("no_other_plugins")
@pytest.mark.parametrize(
    ("db", "unless_asked"), [("sqlite", "postgresql"), pytest.param("postgresql", "sqlite", marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_each_package_has_its_schema(pytester: pytest.Pytester, db: str, unless_asked: str) -> None:
    making = '{{"schema": lambda connection: connection.exec_driver_sql("CREATE TABLE {} (id INTEGER)")}}'
    pytester.makepyfile(
        test_nothing="def test_nothing_is_said(acidity_database): ...",
        test_wrong=WITH_SCHEMA.format('{"tables": 1}', "a", db, "a"),
        test_a=WITH_SCHEMA.format(making.format("a"), "a", db, "a"),
        test_b=WITH_SCHEMA.format(making.format("b"), "b", db, "b"),
    )
    pytester.makeini(f"[pytest]\nacidity_db = {unless_asked}")
    result = pytester.runpytest_subprocess(*ALONE, "--acidity-db", db, "--tb=line")
    result.assert_outcomes(errors=2, passed=2)
    result.stdout.fnmatch_lines_random(
        ["*define the fixture acidity_schema*", "*the fixture acidity_schema gives tables*"]
    )
