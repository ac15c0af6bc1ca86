"""Which engines pass the seam: injected ones, those of the user's modules, and those that are built inside."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine, event, select, text, update
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool, SingletonThreadPool, StaticPool

from acidity.adapters.seam import PassThrough
from acidity.errors import UsageError
from acidity.prove import Operation
from tests.engines.bank import ALICE, Account, Base, Payment, balances, calls, kinds, run_once, staged

WRITES = update(Account).values(balance=1)
needs_aiosqlite = pytest.mark.skipif(not find_spec("aiosqlite"), reason="needs aiosqlite")


def type_of(thing: Any) -> str:
    return type(thing).__name__


class TestInjection:
    """The first parameter receives what its name, or its annotation, asks for."""

    @pytest.mark.parametrize(
        ("name", "received"),
        [
            ("session", "Session"),
            ("session_factory", "sessionmaker"),
            ("engine", "Engine"),
            ("connection", "Connection"),
            ("url", "str"),
        ],
    )
    def test_by_name_and_by_inject(self, name: str, received: str) -> None:
        named = eval(f"lambda {name}: type({name}).__name__")
        assert run_once(named).ending.answer == received
        assert run_once(Operation(type_of, inject=name)).ending.answer == received

    @needs_aiosqlite
    @pytest.mark.parametrize(
        ("name", "received"),
        [
            ("async_session", "AsyncSession"),
            ("session", "AsyncSession"),
            ("async_session_factory", "async_sessionmaker"),
            ("session_factory", "async_sessionmaker"),
            ("async_engine", "AsyncEngine"),
            ("connection", "AsyncConnection"),
            ("url", "str"),
        ],
    )
    def test_of_coroutines(self, name: str, received: str) -> None:
        async def operation(thing: Any) -> str:
            return type_of(thing)

        assert run_once(Operation(operation, inject=name)).ending.answer == received

    def test_by_annotation(self) -> None:
        def session(x: Session) -> str:
            return type_of(x)

        def factory(x: sessionmaker[Session]) -> str:
            return type_of(x)

        def engine(x: Engine) -> str:
            return type_of(x)

        def connection(x: Connection) -> str:
            return type_of(x)

        received = [run_once(function).ending.answer for function in (session, factory, engine, connection)]
        assert received == ["Session", "sessionmaker", "Engine", "Connection"]

    def test_by_a_class_of_ones_own(self) -> None:
        class Unit(Session):
            pass

        def operation(x: Unit) -> str:
            return type_of(x)

        operation.__annotations__["x"] = Unit
        assert run_once(operation).ending.answer == "Unit"

    def test_arguments_follow(self) -> None:
        def operation(session: Session, owner: str, *, balance: int) -> list[Any]:
            return [type_of(session), owner, balance]

        assert run_once(Operation(operation, "Eve", balance=3)).ending.answer == ["Session", "Eve", 3]

    def test_a_parameter_that_is_filled_is_not_injected(self) -> None:
        def operation(session: str = "mine") -> str:
            return session

        assert run_once(operation).ending.answer == "mine"
        assert run_once(operation, "yours").ending.answer == "yours"

    def test_a_bound_method(self) -> None:
        class Service:
            def work(self, session: Session) -> str:
                return type_of(session)

        assert run_once(Service().work).ending.answer == "Session"

    def test_a_parameter_that_says_nothing_is_a_usage_error(self) -> None:
        with pytest.raises(UsageError, match=r"'thing' open and its name says nothing"):
            run_once(lambda thing: thing)

    def test_arguments_that_do_not_fit_are_a_usage_error(self) -> None:
        def operation(session: Session, amount: int) -> None: ...

        with pytest.raises(UsageError, match="missing a required argument: 'amount'"):
            run_once(operation)
        with pytest.raises(UsageError, match="too many positional arguments"):
            run_once(operation, 1, 2, 3)

    def test_what_does_not_exist_is_a_usage_error(self) -> None:
        with pytest.raises(UsageError, match="inject='cursor' is not known"):
            Operation(type_of, inject="cursor")
        with pytest.raises(UsageError, match="is for async ones"):
            run_once(Operation(type_of, inject="async_session"))

    def test_commit_is_done_by_the_framework(self) -> None:
        def operation(session: Session) -> None:
            session.execute(WRITES)

        assert balances(run_once(operation)) == (100, 0)
        run = run_once(Operation(operation, commit=True))
        assert kinds(run) == ["statement", "commit"]
        assert balances(run) == (1, 1)


def with_foreign_keys(engine: Engine) -> Engine:
    """An engine with the hook that everybody has who uses foreign keys on SQLite."""

    @event.listens_for(engine, "connect")
    def enforce(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.execute("PRAGMA foreign_keys = ON")

    return engine


def filled(engine: Engine) -> Engine:
    """With data of its own, which nobody may touch."""
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.add(Account(id=77, owner="Mine", balance=7))
    return engine


MADE: dict[str, Callable[[Path], Engine]] = {
    "a file": lambda path: create_engine(f"sqlite:///{path / 'own.db'}"),
    "a file without a pool": lambda path: create_engine(f"sqlite:///{path / 'own.db'}", poolclass=NullPool),
    "in memory": lambda _: create_engine("sqlite:///:memory:", poolclass=SingletonThreadPool),
    "in memory, the short form": lambda _: create_engine("sqlite://"),
    "in memory, shared": lambda _: create_engine("sqlite://", poolclass=StaticPool),
    "with a creator": lambda path: create_engine("sqlite://", creator=lambda: sqlite3.connect(path / "own.db")),
    "with pre-ping": lambda path: create_engine(f"sqlite:///{path / 'own.db'}", pool_pre_ping=True),
}


class TestBind:
    """A module-level engine is redirected to the Sandbox while the check runs, and is as it was afterwards."""

    @pytest.fixture(params=MADE)
    def engine(self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        engine = filled(with_foreign_keys(MADE[request.param](tmp_path)))
        monkeypatch.setattr(f"{__name__}.APP", SimpleNamespace(engine=engine), raising=False)
        yield engine
        engine.dispose()

    def test_calls_go_to_the_sandbox(self, engine: Engine) -> None:
        def operation() -> list[Any]:
            with Session(engine) as session:
                session.execute(WRITES)
                session.commit()
                owners = session.scalars(select(Account.owner)).all()
                return [*owners, session.scalar(text("PRAGMA foreign_keys"))]

        run = run_once(operation, bind=f"{__name__}:APP.engine")
        assert kinds(run) == ["statement", "commit", "statement", "statement", "rollback"]
        assert run.ending.answer == ["Alice", "Bob", 1]
        assert balances(run) == (1, 1)
        assert not run.leaks

    def test_two_connections_at_once_are_two(self, engine: Engine) -> None:
        def operation() -> None:
            with engine.connect() as one, engine.connect() as two:
                one.execute(select(Account.id))
                two.execute(select(Account.id))

        assert [call.connection for call in calls(run_once(operation, bind=f"{__name__}:APP.engine"))][:2] == [1, 2]

    def test_it_is_as_before_afterwards(self, engine: Engine) -> None:
        def operation() -> None:
            with engine.begin() as connection:
                connection.execute(WRITES)

        pool, url = engine.pool, engine.url
        run_once(operation, bind=f"{__name__}:APP.engine")
        assert engine.pool is pool
        assert engine.url is url
        with Session(engine) as session:
            assert session.scalars(select(Account.owner)).all() == ["Mine"]
            assert session.scalars(select(Account.balance)).all() == [7]
            session.add(Payment(account_id=99, amount=1))
            with pytest.raises(IntegrityError):
                session.flush()


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], str]:
    """Make something a module-level name; gives the text for ``bind=``."""

    def put(thing: Any) -> str:
        monkeypatch.setattr(f"{__name__}.APP", thing, raising=False)
        return f"{__name__}:APP"

    return put


@needs_aiosqlite
@pytest.mark.parametrize("how", ["as it comes", "StaticPool", "creator"])
@pytest.mark.parametrize("place", ["file", "memory"])
def test_bound_async_engine(bound: Callable[[Any], str], tmp_path: Path, place: str, how: str) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    path = ":memory:" if place == "memory" else str(tmp_path / "own.db")
    options: dict[str, Any] = {"poolclass": StaticPool} if how == "StaticPool" else {}
    if how == "creator":
        options["async_creator"] = partial(import_module("aiosqlite").connect, path)
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", **options)

    @event.listens_for(engine.sync_engine, "connect")
    def enforce(dbapi_connection: Any, _record: Any) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    async def operation() -> int | None:
        async with AsyncSession(engine) as session:
            await session.execute(WRITES)
            await session.commit()
            return await session.scalar(text("PRAGMA foreign_keys"))

    pool = engine.sync_engine.pool
    run = run_once(operation, bind=bound(engine))
    assert kinds(run) == ["statement", "commit", "statement", "rollback"]
    assert run.ending.answer == 1
    assert balances(run) == (1, 1)
    assert engine.sync_engine.pool is pool
    assert not (tmp_path / "own.db").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_colon", "is not of the form 'module:name'"),
        (":engine", "is not of the form 'module:name'"),
        ("no_such_module_at_all:engine", "cannot be found: No module named"),
        (f"{__name__}:NOTHING", "cannot be found"),
        (f"{__name__}:WRITES", "is of type Update, neither a SQLAlchemy engine nor a text, URL"),
    ],
)
def test_bind_that_leads_to_no_engine_is_a_usage_error(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run_once(lambda: None, bind=name)


def test_bind_to_an_engine_for_another_kind_of_database(bound: Callable[[Any], str]) -> None:
    pytest.importorskip("psycopg")
    engine = create_engine("postgresql+psycopg://user:secret@localhost/app")
    before = engine.pool, engine.dialect, engine.url
    name = bound(engine)

    def operation() -> None:
        with engine.begin() as connection:
            connection.execute(WRITES)

    run = run_once(operation, bind=name)
    assert kinds(run) == ["statement", "commit"]
    assert balances(run) == (1, 1)
    assert (engine.pool, engine.dialect, engine.url) == before


class Storage:
    """A class as packages ship them: it builds its own engine from a URL, and says nothing of transactions."""

    def __init__(self, url: str, **options: Any) -> None:
        self.engine = create_engine(url, **options)
        Base.metadata.create_all(self.engine)
        self.sessions = sessionmaker(self.engine)

    def pay(self, amount: int) -> int:
        with self.sessions.begin() as session:
            session.add(Payment(account_id=ALICE, amount=amount))
        with self.sessions() as session:
            return len(session.scalars(select(Payment.id)).all())


@pytest.mark.parametrize("options", [{}, {"poolclass": NullPool}, {"poolclass": StaticPool}, {"pool_pre_ping": True}])
def test_an_engine_built_inside_by_a_class(options: dict[str, Any]) -> None:
    def operation(url: str) -> int:
        return Storage(url, **options).pay(5)

    with staged(operation) as stage:
        runs = [stage.run(stage.scenario.operations[0], PassThrough()) for _ in range(2)]
    tables = ["statement"] * 2  # create_all looks whether the two tables are there
    assert [kinds(run) for run in runs] == [[*tables, "commit", "statement", "commit", "statement", "rollback"]] * 2
    assert [run.ending.answer for run in runs] == [2, 2]


def by_creator(url: str) -> None:
    path = make_url(url).database
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(str(path)), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(WRITES)
    with engine.connect() as connection:
        connection.execute(select(Account.id))


def test_an_engine_with_a_creator_of_its_own() -> None:
    run = run_once(by_creator)
    assert kinds(run) == ["statement", "commit", "statement", "rollback"]
    assert balances(run) == (1, 1)


@needs_aiosqlite
def test_an_async_engine_with_a_creator_of_its_own() -> None:
    import aiosqlite
    from sqlalchemy.ext.asyncio import create_async_engine

    async def operation(url: str) -> None:
        path = str(make_url(url).database)
        engine = create_async_engine("sqlite+aiosqlite://", async_creator=lambda: aiosqlite.connect(path))
        async with engine.begin() as connection:
            await connection.execute(WRITES)
        await engine.dispose()

    run = run_once(operation)
    assert kinds(run) == ["statement", "commit"]
    assert balances(run) == (1, 1)
