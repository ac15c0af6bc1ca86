"""What `two_phase` admits, refuses and tells."""
# ruff: noqa: PT012 - a unit of work is a block, and what it refuses is in it

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic, lock, on_commit, savepoint
from acidity.engines.postgresql.server import start
from acidity.errors import UsageError
from acidity.run import (
    BoundaryError,
    NoTransaction,
    TransactionEnded,
    UnitPoisoned,
    UsedAfterEnd,
    recover_two_phase,
    two_phase,
)
from acidity.run.state import State
from tests.run.twophase.conftest import Work, schema, there
from tests.run.twophase.faults import in_doubt, is_there
from tests.run.twophase.programs import NUMBERS, write

# What it does


def test_both_have_it_and_the_result_is_returned(pair: Any, number: int) -> None:
    makers = {name: sessionmaker(engine) for name, engine in pair.engines.items()}

    @two_phase(**makers, isolation_level="SERIALIZABLE")
    def unit(sessions: Any, key: int) -> str:
        for session in sessions.values():
            session.add(Work(id=key))
        return "done"

    assert unit(number) == "done"
    assert there(pair.engines, number) == [True, True]
    assert recover_two_phase(**pair.engines) == []


def test_h4_the_drivers_connection_in_a_programs_hands(two: Any, number: int) -> None:
    def written(session: Any, *others: str) -> None:
        cursor = session.connection().connection.cursor()
        for statement in (f"INSERT INTO work VALUES ({number})", *others):
            cursor.execute(statement)
        cursor.close()

    with two_phase(**two) as sessions:
        for session in sessions.values():
            written(session)
    assert there(two, number) == [True, True]
    number = next(NUMBERS)
    with pytest.raises(TransactionEnded), two_phase(**two) as sessions:
        written(sessions["stock"])
        written(sessions["orders"], "COMMIT", "BEGIN")
    assert there(two, number) == [True, False]  # as it was told


def test_neither_has_it(pair: Any, number: int) -> None:
    with pytest.raises(ZeroDivisionError), two_phase(**pair.engines) as sessions:
        for session in sessions.values():
            write(session, number)
        raise ZeroDivisionError
    assert there(pair.engines, number) == [False, False]


def test_async(pair_of: Any, number: int) -> None:
    pair = pair_of("postgresql+asyncpg", "mariadb")
    done: list[str] = []

    async def go() -> Any:
        engines = {name: create_async_engine(url) for name, url in pair.async_urls.items()}

        @two_phase(**{name: async_sessionmaker(engine) for name, engine in engines.items()})
        async def unit(sessions: Any) -> str:
            for session in sessions.values():
                session.add(Work(id=number))
                async with savepoint(session):
                    await session.flush()
            on_commit(lambda: done.append("told"))
            return "done"

        try:
            return await unit(), await recover_two_phase(**engines)
        finally:
            for engine in engines.values():
                await engine.dispose()

    assert asyncio.run(go()) == ("done", [])
    assert there(pair.engines, number) == [True, True]
    assert done == ["told"]


@pytest.mark.parametrize(("word", "name", "made"), [("prepare_twophase", "stock", False), ("commit", "orders", True)])
def test_a_cancelled_caller(pair_of: Any, number: int, word: str, name: str, *, made: bool) -> None:
    pair = pair_of("postgresql+asyncpg", "mariadb")

    async def go() -> Any:
        engines = {name: create_async_engine(url) for name, url in pair.async_urls.items()}

        async def caller() -> None:
            async with two_phase(**engines) as sessions:
                for session in sessions.values():
                    await session.run_sync(write, number)
                    await session.connection()

        try:
            task = asyncio.create_task(caller())
            event.listen(engines[name].sync_engine, word, lambda *_: task.cancel())
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            assert caught.value.__notes__ == [
                f"acidity: the unit was {'committed' if made else 'aborted'} when the cancellation arrived"
            ]
        finally:
            for engine in engines.values():
                await engine.dispose()

    asyncio.run(go())
    assert there(pair.engines, number) == [made, made]
    assert in_doubt(pair.engines) == []


def test_states_and_callbacks(two: Any, number: int) -> None:
    seen: list[tuple[str, State]] = []
    done: list[bool] = []

    def note(unit: Any, _old: State, new: State) -> None:
        seen.append((unit.target.engine.dialect.name, new))

    with two_phase(**two, on_transition=note) as sessions:
        for session in sessions.values():
            write(session, number)
            on_commit(lambda: done.append(all(there(two, number))))
    first, second = "postgresql", two["stock"].dialect.name
    assert seen == [
        (first, State.PARTIALLY_COMMITTED),
        (second, State.PARTIALLY_COMMITTED),
        (first, State.COMMITTED),
        (second, State.COMMITTED),
    ]
    assert done == [True, True]


def test_the_whole_function_is_run_again(two: Any, number: int, waits: list[float]) -> None:
    attempts = itertools.count(1)

    @two_phase(**two, max_attempts=3)
    def unit(sessions: Any) -> int:
        for session in sessions.values():
            write(session, number)
        attempt = next(attempts)
        if attempt < 3:
            sessions["stock"].execute(text("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213"))
        return attempt

    assert unit() == 3
    assert len(waits) == 2
    assert there(two, number) == [True, True]


def test_what_is_inside_joins(one_kind: Any, number: int) -> None:
    @two_phase(**one_kind)
    def both(sessions: Any) -> None:
        write(sessions["stock"], number)

    with two_phase(**one_kind):
        with atomic(one_kind["orders"]) as session:
            write(session, number)
        both()
        assert there(one_kind, number) == [False, False]
    assert there(one_kind, number) == [True, True]


def test_an_inner_unit_that_fails_fails_all(one_kind: Any, number: int) -> None:
    for inner in (two_phase(**one_kind), atomic(one_kind["stock"])):
        with pytest.raises(UnitPoisoned), two_phase(**one_kind) as sessions:
            write(sessions["orders"], number)
            with pytest.raises(ZeroDivisionError), inner:
                raise ZeroDivisionError
    assert there(one_kind, number) == [False, False]


def test_savepoints_and_locks_name_their_session(two: Any, number: int) -> None:
    with two_phase(**two) as sessions:
        for session in sessions.values():
            session.add(Work(id=number))
            session.flush()
            assert lock(session, Work, [number])[0].id == number
            with pytest.raises(IntegrityError), savepoint(session):
                session.execute(text("INSERT INTO work VALUES (:id)"), {"id": number})
        with pytest.raises(UsageError, match="name the one"), savepoint():
            pass
        with pytest.raises(BoundaryError, match="not the session"):
            lock(Session(two["stock"]), Work, [1])
    assert there(two, number) == [True, True]
    with pytest.raises(NoTransaction), savepoint(sessions["stock"]):
        pass


def test_a_branch_that_wrote_nothing(pair: Any, number: int) -> None:
    with two_phase(**pair.engines) as sessions:
        write(sessions["orders"], number)
        sessions["stock"].execute(text("SELECT * FROM work"))
    assert there(pair.engines, number) == [True, False]
    assert in_doubt(pair.engines) == []


# What it refuses


@pytest.mark.parametrize("name", ["orders", "stock"])
@pytest.mark.parametrize("word", ["commit", "rollback", "prepare"])
def test_nobody_else_ends_it(two: Any, number: int, name: str, word: str) -> None:
    with pytest.raises(BoundaryError, match="inside a unit of work"), two_phase(**two) as sessions:
        write(sessions[name], number)
        getattr(sessions[name], word)()
    for method in ("commit", "rollback"):
        with pytest.raises((BoundaryError, UnitPoisoned)), two_phase(**two) as sessions:
            write(sessions[name], number)
            getattr(sessions[name].connection(), method)()
    with pytest.raises(UsedAfterEnd):
        sessions[name].execute(text("SELECT 1"))
    assert there(two, number) == [False, False]


@pytest.mark.parametrize("name", ["orders", "stock"])
def test_a_swallowed_error_fails_all(two: Any, number: int, name: str) -> None:
    with pytest.raises(UnitPoisoned), two_phase(**two) as sessions:
        write(sessions["orders"], number)
        with pytest.raises(DBAPIError):
            sessions[name].execute(text("INSERT INTO nowhere VALUES (1)"))
    assert there(two, number) == [False, False]


def test_what_cannot_take_part(two: Any, tmp_path: Any) -> None:
    file = create_engine(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(UsageError, match="two or more"):
        two_phase(orders=two["orders"])
    with pytest.raises(UsageError, match="no prepared transactions"), two_phase(orders=two["orders"], stock=file):
        pass
    with pytest.raises(UsageError, match="one engine"), two_phase(orders=file, stock=file.execution_options(a=1)):
        pass
    with pytest.raises(UsageError, match="not both"):
        two_phase(orders=two["orders"], stock=create_async_engine("postgresql+asyncpg://x/y"))
    with pytest.raises(UsageError, match="not both"):
        recover_two_phase(orders=two["orders"], stock=create_async_engine("postgresql+asyncpg://x/y"))
    with pytest.raises(UsageError, match="block cannot be run again"), two_phase(**two, max_attempts=2):
        pass
    with pytest.raises(UsageError, match="decision log"), two_phase(files=file, stock=two["stock"]):
        pass
    assert recover_two_phase(files=file) == []
    file.dispose()


def test_a_log_that_could_be_lost_is_refused(two: Any, tmp_path: Any) -> None:
    file = create_engine(f"sqlite:///{tmp_path}/a.db")
    event.listen(file, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = NORMAL"))
    schema(file)
    with pytest.raises(UsageError, match="synchronous"), two_phase(files=file, stock=two["stock"]):
        pass
    file.dispose()


def test_half_of_the_databases_in_another_unit(one_kind: Any) -> None:
    with atomic(one_kind["orders"]), pytest.raises(BoundaryError, match="orders"), two_phase(**one_kind):
        pass
    with atomic(one_kind["orders"]), atomic(one_kind["stock"], independent=True):
        with pytest.raises(BoundaryError, match="orders, stock"), two_phase(**one_kind):
            pass
    with two_phase(**one_kind), pytest.raises(BoundaryError, match="outermost"):
        two_phase(**one_kind, timeout=5).__enter__()


def test_a_mariadb_that_forgets_what_was_prepared(two: Any) -> None:
    stock = create_engine(two["stock"].url)
    with stock.connect() as connection:
        connection.rollback()
    stock.dialect.server_version_info = (10, 4, 34)
    with pytest.raises(UsageError, match=r"before 10\.5"), two_phase(orders=two["orders"], stock=stock):
        pass
    stock.dispose()


def test_an_engine_in_autocommit(one_kind: Any) -> None:
    stock = one_kind["stock"].execution_options(isolation_level="AUTOCOMMIT")
    with pytest.raises(BoundaryError, match="AUTOCOMMIT"), two_phase(orders=one_kind["orders"], stock=stock):
        pass


def test_a_session_that_chooses_its_database_itself(one_kind: Any) -> None:
    class Routed(Session):
        def get_bind(self, *_: Any, **__: Any) -> Any:
            return one_kind["stock"]

    with pytest.raises(BoundaryError, match="get_bind"):
        with two_phase(orders=one_kind["orders"], stock=sessionmaker(one_kind["stock"], class_=Routed)):
            pass


@pytest.mark.parametrize("statement", ["LISTEN news", "CREATE TEMPORARY TABLE t (a int)"])
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_what_postgresql_cannot_prepare(one_kind: Any, number: int, statement: str, driver: str) -> None:
    stock = create_engine(one_kind["stock"].url.set(drivername=f"postgresql+{driver}"))
    with (
        pytest.raises(DBAPIError, match="cannot PREPARE"),
        two_phase(orders=one_kind["orders"], stock=stock) as sessions,
    ):
        write(sessions["orders"], number)
        write(sessions["stock"], number)
        sessions["stock"].execute(text(statement))
    stock.dispose()
    assert there(one_kind, number) == [False, False]


@pytest.mark.dear
@pytest.mark.parametrize("most", ["0", "1"])
def test_a_postgresql_without_prepared_transactions(one_kind: Any, number: int, most: str) -> None:
    server = start({"max_prepared_transactions": most}, dedicated=True)
    try:
        stock = create_engine(server.url())
        schema(stock)
        with stock.connect() as connection:
            if most == "1":
                connection.begin_twophase("somebody").prepare()
            with pytest.raises(UsageError, match=f"max_prepared_transactions is {most}"):
                with two_phase(orders=one_kind["orders"], stock=stock) as sessions:
                    for session in sessions.values():
                        write(session, number)
            connection.rollback()
        assert not is_there(one_kind["orders"], number)
        stock.dispose()
    finally:
        server.stop()
