"""Ways to autocommit, and to share or leak a unit, by somebody who read only the pages; see `stranger_programs`."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import gc
import os
import pickle
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool, StaticPool

from acidity import atomic, on_commit, savepoint
from tests.run.stranger_programs import ALL, MARIA, BoomError, Place, write

AUTOCOMMITS: list[tuple[str, str, Callable[[Place], Any]]] = []
AFTERWARDS: dict[str, set[int]] = {"task_outlives": {1}, "async_session_after": {1}, "other_engine_after": {1}}
LEAKS: list[tuple[str, str, Callable[[Place], Any]]] = []
SYNC = "sqlite3 psycopg psycopg2 pymysql"


def autocommit(drivers: str) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        AUTOCOMMITS.append((function.__name__, drivers, function))
        return function

    return register


def leak(drivers: str, *rows: int) -> Callable[[Any], Any]:
    """Args: drivers: that it concerns; rows: what is right beside all and nothing, as it comes after the unit's end."""

    def register(function: Any) -> Any:
        if rows:
            AFTERWARDS[function.__name__] = set(rows)
        LEAKS.append((function.__name__, drivers, function))
        return function

    return register


def torn(place: Place, engine: Any = None, between: Any = None, **options: Any) -> None:
    def body(session: Any) -> None:
        write(session, 1)
        if between is not None:
            between(session)
        write(session, 2)
        raise BoomError

    place.unit(body, engine, **options)


def core(engine: Any) -> Any:
    return getattr(engine, "sync_engine", engine)


@autocommit(ALL)
def engine_option(place: Place) -> None:
    torn(place, place.engine(isolation_level="AUTOCOMMIT"))


@autocommit(ALL)
def engine_execution_options(place: Place) -> None:
    torn(place, place.engine(execution_options={"isolation_level": "AUTOCOMMIT"}))


@autocommit(ALL)
def engine_copy(place: Place) -> None:
    torn(place, place.engine().execution_options(isolation_level="AUTOCOMMIT"))


@autocommit(ALL)
def lower_case(place: Place) -> None:
    torn(place, place.engine(isolation_level="autocommit"))


@autocommit("psycopg pymysql aiomysql")
def connect_args(place: Place) -> None:
    torn(place, place.engine(connect_args={"autocommit": True}))


@autocommit("sqlite3 aiosqlite")
def connect_args_level(place: Place) -> None:
    torn(place, place.engine(connect_args={"isolation_level": None}))


@autocommit(MARIA)
def init_command(place: Place) -> None:
    torn(place, place.engine(connect_args={"init_command": "SET autocommit=1"}))


@autocommit(MARIA)
def init_command_none(place: Place) -> None:
    torn(place, place.engine(connect_args={"init_command": "SET autocommit=1", "autocommit": None}))


@autocommit(ALL)
def connect_event(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(core(engine), "connect")
    def connect(connection: Any, _record: Any) -> None:
        core(engine).dialect.set_isolation_level(connection, "AUTOCOMMIT")

    torn(place, engine)


@autocommit(ALL)
def checkout_event(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(core(engine), "checkout")
    def checkout(connection: Any, _record: Any, _proxy: Any) -> None:
        core(engine).dialect.set_isolation_level(connection, "AUTOCOMMIT")

    torn(place, engine)


@autocommit(ALL)
def begin_event(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(core(engine), "begin")
    def begin(connection: Any) -> None:
        core(engine).dialect.set_isolation_level(connection.connection.dbapi_connection, "AUTOCOMMIT")

    torn(place, engine)


@autocommit(ALL)
def engine_connect_event(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(core(engine), "engine_connect")
    def connected(connection: Any) -> None:
        connection.execution_options(isolation_level="AUTOCOMMIT")

    torn(place, engine)


@autocommit(ALL)
def statement_event(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(core(engine), "before_cursor_execute")
    def before(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "(2)" in statement:
            core(engine).dialect.set_isolation_level(connection.connection.dbapi_connection, "AUTOCOMMIT")

    torn(place, engine)


@autocommit(ALL)
def left_by_another(place: Place) -> None:
    engine = place.engine(pool_size=1, max_overflow=0)
    if place.is_async:

        async def go() -> None:
            async with engine.connect() as connection:
                await connection.run_sync(lambda made: set_raw(made))
            async with atomic(engine) as session:
                await session.run_sync(body)

        def body(session: Any) -> None:
            write(session, 1)
            write(session, 2)
            raise BoomError

        asyncio.run(go())
        return
    with engine.connect() as connection:
        set_raw(connection)
    torn(place, engine)


def set_raw(connection: Any) -> None:
    connection.dialect.set_isolation_level(connection.connection.dbapi_connection, "AUTOCOMMIT")


@autocommit("pymysql")
def left_by_a_unit(place: Place) -> None:
    engine = place.engine(pool_size=1, max_overflow=0)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET autocommit=1")
    torn(place, engine)


@autocommit("pymysql psycopg psycopg2")
def no_reset(place: Place) -> None:
    engine = place.engine(pool_reset_on_return=None, pool_size=1, max_overflow=0)
    with engine.connect() as connection:
        set_raw_quietly(connection)
    torn(place, engine)


def set_raw_quietly(connection: Any) -> None:
    with contextlib.suppress(Exception):
        set_raw(connection)


@autocommit("pymysql psycopg psycopg2")
def dirty_pool(place: Place) -> None:
    """What another one left open is neither committed nor taken for the unit's."""
    engine = place.engine(pool_reset_on_return=None, pool_size=1, max_overflow=0)
    connection = engine.connect()
    write(connection, 9)
    connection.close()
    with atomic(engine) as session:
        write(session, 1)
        write(session, 2)


@autocommit("sqlite3 psycopg psycopg2 pymysql")
def creator(place: Place) -> None:
    plain = place.engine()

    def create() -> Any:
        made = plain.raw_connection()
        made.detach()
        plain.dialect.set_isolation_level(made.dbapi_connection, "AUTOCOMMIT")
        return made.dbapi_connection

    torn(place, create_engine(place.url, creator=create))


@autocommit("sqlite3 psycopg psycopg2 pymysql")
def static_pool(place: Place) -> None:
    engine = place.engine(poolclass=StaticPool)
    with engine.connect() as connection:
        set_raw(connection)
        torn(place, engine)


@autocommit("sqlite3 psycopg psycopg2 pymysql")
def bound_connection(place: Place) -> None:
    engine = place.engine()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        with atomic(sessionmaker(connection)) as session:
            write(session, 1)
            write(session, 2)
            raise BoomError


@autocommit("sqlite3 psycopg psycopg2 pymysql")
def maker_with_copy(place: Place) -> None:
    engine = place.engine().execution_options(isolation_level="AUTOCOMMIT")
    with atomic(sessionmaker(engine, autoflush=False)) as session:
        write(session, 1)
        write(session, 2)
        raise BoomError


@autocommit("sqlite3 psycopg psycopg2 pymysql")
def session_events(place: Place) -> None:
    maker = sessionmaker(place.engine())

    @event.listens_for(maker, "after_begin")
    def began(_session: Any, _transaction: Any, connection: Any) -> None:
        set_raw(connection)

    with atomic(maker) as session:
        write(session, 1)
        write(session, 2)
        raise BoomError


@autocommit("sqlite3 psycopg psycopg2 pymysql")
def bind_of_the_session(place: Place) -> None:
    plain = place.engine()
    maker = sessionmaker(plain, binds={})
    with atomic(maker) as session:
        write(session, 1)
        session.bind = plain.execution_options(isolation_level="AUTOCOMMIT")
        write(session, 2)
        raise BoomError


@autocommit("sqlite3 psycopg psycopg2 pymysql")
def bind_arguments(place: Place) -> None:
    plain = place.engine()
    other = plain.execution_options(isolation_level="AUTOCOMMIT")
    with atomic(plain) as session:
        write(session, 1)
        session.execute(text("INSERT INTO t VALUES (2)"), bind_arguments={"bind": other})
        raise BoomError


@autocommit("sqlite3 psycopg psycopg2 pymysql")
def get_bind(place: Place) -> None:
    plain = place.engine()
    other = plain.execution_options(isolation_level="AUTOCOMMIT")

    class Routed(Session):
        def get_bind(self, *_args: Any, **_options: Any) -> Any:
            return other

    with atomic(sessionmaker(plain, class_=Routed)) as session:
        write(session, 1)
        write(session, 2)
        raise BoomError


@autocommit(ALL)
def unit_option(place: Place) -> None:
    torn(place, isolation_level="AUTOCOMMIT")


@autocommit(ALL)
def read_only(place: Place) -> None:
    torn(place, read_only=True)


@autocommit(ALL)
def marker_on_autocommit(place: Place) -> None:
    torn(place, place.engine(isolation_level="AUTOCOMMIT"), resolve_commit=True)


@autocommit("psycopg pymysql sqlite3 psycopg2")
def independent_on_autocommit(place: Place) -> None:
    plain = place.engine()
    with (
        atomic(plain, read_only=True),
        atomic(plain.execution_options(isolation_level="AUTOCOMMIT"), independent=True) as s,
    ):
        write(s, 1)
        write(s, 2)
        raise BoomError


@autocommit("psycopg psycopg2")
def default_read_write(place: Place) -> None:
    torn(place, place.engine(connect_args={"options": "-c default_transaction_isolation=serializable"}))


@autocommit("sqlite3")
def begin_nothing(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    with engine.connect():
        pass
    torn(place, engine)


@autocommit("sqlite3")
def begin_event_of_sqlite(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    torn(place, engine)


@autocommit("pymysql aiomysql")
def server_default(place: Place) -> None:
    with place.look.connect() as connection:
        connection.exec_driver_sql("SET GLOBAL autocommit=1")
        connection.exec_driver_sql("SET GLOBAL completion_type='CHAIN'")
    try:
        torn(place)
    finally:
        with place.look.connect() as connection:
            connection.exec_driver_sql("SET GLOBAL completion_type='NO_CHAIN'")


@autocommit("pymysql aiomysql")
def sql_mode(place: Place) -> None:
    torn(
        place, place.engine(connect_args={"sql_mode": "ANSI_QUOTES"}), between=lambda s: s.execute(text("SELECT '\"'"))
    )


def leaked(error: BaseException | None) -> None:
    if error is not None:
        raise error


def in_thread(function: Callable[[], Any]) -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(8)
    if thread.is_alive():
        raise AssertionError("hangs")
    leaked(failed[0] if failed else None)


@leak(SYNC)
def thread_uses(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        in_thread(lambda: write(session, 2))


@leak(SYNC)
def thread_commits(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        in_thread(session.commit)
        write(session, 2)


@leak(SYNC)
def thread_swallowed(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with contextlib.suppress(Exception):
            in_thread(session.rollback)
        write(session, 2)


@leak(SYNC)
def thread_on_connection(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        connection = session.connection()
        in_thread(lambda: connection.exec_driver_sql("INSERT INTO t VALUES (2)"))


@leak("psycopg psycopg2 pymysql")
def copied_context(place: Place) -> None:
    engine = place.engine()
    with atomic(engine) as session:
        write(session, 1)
        context = contextvars.copy_context()

        def joins() -> None:
            with atomic(engine) as inner:
                write(inner, 2)

        in_thread(lambda: context.run(joins))
        raise BoomError


@leak(SYNC)
def same_thread_context(place: Place) -> None:
    engine = place.engine()
    with atomic(engine) as session:
        write(session, 1)

        def joins() -> None:
            with atomic(engine) as inner:
                write(inner, 2)

        contextvars.copy_context().run(joins)


@leak(SYNC)
def context_after(place: Place) -> None:
    engine = place.engine()
    with atomic(engine) as session:
        write(session, 1)
        context = contextvars.copy_context()

    def joins() -> None:
        with atomic(engine) as inner:
            write(inner, 2)

    context.run(joins)


@leak("psycopg psycopg2 pymysql")
def executor(place: Place) -> None:
    engine = place.engine()
    with atomic(engine) as session, concurrent.futures.ThreadPoolExecutor(1) as pool:
        write(session, 1)
        pool.submit(write, session, 2).result()


@leak(SYNC)
def forked(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        child = os.fork()
        if child == 0:
            try:
                write(session, 3)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        write(session, 2)


@leak(SYNC)
def forked_commit(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        child = os.fork()
        if child == 0:
            try:
                session.connection().connection.commit()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        write(session, 2)
        raise BoomError


@leak(SYNC)
def forked_block(place: Place) -> None:
    engine = place.engine()
    child = 1
    try:
        with atomic(engine) as session:
            write(session, 1)
            child = os.fork()
            if child:
                os.waitpid(child, 0)
                write(session, 2)
    finally:
        if child == 0:
            os._exit(0)


@leak(SYNC)
def generator_loop(place: Place) -> None:
    engine = place.engine()

    def rows() -> Iterator[Any]:
        with atomic(engine) as session:
            write(session, 1)
            yield session
            raise BoomError

    for _session in rows():
        with atomic(engine) as inner:
            write(inner, 2)


@leak(SYNC)
def generator_abandoned(place: Place) -> None:
    engine = place.engine()

    def rows() -> Iterator[Any]:
        with atomic(engine) as session:
            write(session, 1)
            yield session
            write(session, 2)

    made = rows()
    next(made)
    del made
    gc.collect()
    if place.rows():
        return
    raise BoomError


@leak(SYNC)
def generator_kept(place: Place) -> None:
    engine = place.engine()

    def rows() -> Iterator[Any]:
        with atomic(engine) as session:
            yield session
            write(session, 1)

    made = rows()
    next(made)
    with atomic(engine) as inner:
        write(inner, 2)
    next(made, None)


@leak(SYNC)
def generator_session_used(place: Place) -> None:
    engine = place.engine()

    def rows() -> Iterator[Any]:
        with atomic(engine) as session:
            yield session

    made = rows()
    session = next(made)
    write(session, 1)
    write(session, 2)
    made.close()
    raise BoomError


@leak("psycopg psycopg2 pymysql")
def generator_thread(place: Place) -> None:
    engine = place.engine()

    def rows() -> Iterator[Any]:
        with atomic(engine) as session:
            write(session, 1)
            yield session
            write(session, 2)

    made = rows()
    next(made)
    in_thread(lambda: next(made, None))


@leak(SYNC)
def exit_stack(place: Place) -> None:
    engine = place.engine()
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(atomic(engine))
        write(session, 1)
        with atomic(engine) as inner:
            write(inner, 2)


@leak(SYNC)
def entered_by_hand(place: Place) -> None:
    engine = place.engine()

    def enter() -> Any:
        block = atomic(engine)
        return block, block.__enter__()

    block, session = enter()
    write(session, 1)
    with atomic(engine) as inner:
        write(inner, 2)
    block.__exit__(None, None, None)


@leak(SYNC)
def ended_twice(place: Place) -> None:
    block = atomic(place.engine())
    session = block.__enter__()
    write(session, 1)
    write(session, 2)
    block.__exit__(None, None, None)
    block.__exit__(None, None, None)


@leak(SYNC)
def never_left(place: Place) -> None:
    block = atomic(place.engine())
    write(block.__enter__(), 1)
    del block
    gc.collect()
    raise BoomError


@leak(SYNC, 1)
def session_after(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
    write(session, 2)
    session.commit()


@leak(SYNC, 1)
def connection_after(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        connection = session.connection()
    write(connection, 2)
    connection.commit()


@leak(SYNC, 1)
def driver_after(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        cursor = session.connection().connection.cursor()
    cursor.execute("INSERT INTO t VALUES (2)")


@leak(SYNC)
def second_session(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with Session(session.connection()) as other:
            write(other, 2)
            other.commit()
        raise BoomError


@leak(SYNC)
def second_session_savepoint(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with Session(session.connection(), join_transaction_mode="create_savepoint") as other:
            write(other, 2)
            other.commit()


@leak(SYNC)
def second_session_control(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with Session(session.connection(), join_transaction_mode="control_fully") as other:
            write(other, 2)
            other.commit()
        raise BoomError


@leak(SYNC)
def atomic_on_connection(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with atomic(sessionmaker(session.connection())) as other:
            write(other, 2)
        raise BoomError


@leak("psycopg psycopg2 pymysql")
def other_engine(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with place.engine().begin() as connection:
            write(connection, 2)
        raise BoomError


@leak("psycopg psycopg2 pymysql")
def other_engine_after(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        connection = place.engine().raw_connection()
        connection.cursor().execute("INSERT INTO t VALUES (2)")
    connection.close()


@leak(SYNC)
def unpickled(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        pickle.loads(pickle.dumps(session))
        write(session, 2)


@leak(SYNC)
def weakly(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        kept = weakref.ref(session)
        del session
        gc.collect()
        made = kept()
        if made is None:
            raise BoomError
        write(made, 2)


@leak(SYNC)
def callback_writes(place: Place) -> None:
    engine = place.engine()

    def later() -> None:
        with atomic(engine) as session:
            write(session, 2)

    with atomic(engine) as session:
        write(session, 1)
        on_commit(later)


@leak(SYNC, 1)
def callback_uses_session(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        on_commit(lambda: write(session, 2))


@leak(SYNC)
def crossed(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        one, two = savepoint(), savepoint()
        one.__enter__()
        two.__enter__()
        one.__exit__(None, None, None)
        two.__exit__(None, None, None)
        write(session, 2)


@leak(SYNC)
def savepoint_outlives(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        point = savepoint()
        point.__enter__()
        write(session, 2)


@leak(SYNC, 1, 2)
def savepoint_after(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        write(session, 2)
        with savepoint() as point:
            pass
    point.rollback()


@leak(SYNC)
def nested_kept(place: Place) -> None:
    with atomic(place.engine()) as session:
        nested = session.begin_nested()
        write(session, 1)
        write(session, 2)
        session.connection().exec_driver_sql("SELECT 1")
        assert nested


@leak(SYNC)
def joined_swallowed(place: Place) -> None:
    engine = place.engine()
    with atomic(engine) as session:
        write(session, 1)
        with contextlib.suppress(BoomError), atomic(engine) as inner:
            write(inner, 2)
            raise BoomError


@leak(SYNC)
def interrupted(place: Place) -> None:
    """A signal handler that uses the unit's engine joins it, as the stack says."""
    engine = place.engine()

    def handler(*_args: Any) -> None:
        with atomic(engine) as inner:
            write(inner, 2)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with atomic(engine) as session:
            write(session, 1)
            os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


@leak(SYNC)
def interrupted_raises(place: Place) -> None:
    def handler(*_args: Any) -> None:
        raise BoomError

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with atomic(place.engine()) as session:
            write(session, 1)
            os.kill(os.getpid(), signal.SIGUSR1)
            write(session, 2)
    finally:
        signal.signal(signal.SIGUSR1, before)


@leak(SYNC)
def statement_after_ended(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with contextlib.suppress(Exception):
            session.execute(text("COMMIT"))
        write(session, 2)


@leak(SYNC)
def swallowed_duplicate(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        write(session, 2)
        with contextlib.suppress(Exception):
            write(session, 1)


@leak(SYNC, 1)
def returned_from_block(place: Place) -> None:
    @atomic(place.engine())
    def give(session: Any) -> Any:
        write(session, 1)
        return session

    give().execute(text("INSERT INTO t VALUES (2)"))


@leak(SYNC)
def streams(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        write(session, 2)
        result = session.execute(text("SELECT id FROM t ORDER BY id"))
    try:
        list(result)
    except Exception:
        return


ASYNCS = "asyncpg aiomysql aiosqlite"


async def put(session: Any, number: int) -> None:
    await session.execute(text(f"INSERT INTO t VALUES ({number})"))


def asynchronous(function: Any) -> Any:
    def run(place: Place) -> None:
        async def go() -> None:
            engine = create_async_engine(place.url, poolclass=NullPool)
            try:
                await asyncio.wait_for(function(engine), 10)
            finally:
                await engine.dispose()

        asyncio.run(go())

    LEAKS.append((function.__name__, ASYNCS, run))
    return run


@asynchronous
async def gathered(engine: Any) -> None:
    async with atomic(engine) as session:
        await asyncio.gather(put(session, 1), put(session, 2))


@asynchronous
async def task_uses(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await asyncio.create_task(put(session, 2))


@asynchronous
async def task_joins(engine: Any) -> None:
    async def joins() -> None:
        async with atomic(engine) as inner:
            await put(inner, 3)

    async with atomic(engine) as session:
        await put(session, 1)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.create_task(joins()), 3)
        raise BoomError


@asynchronous
async def task_outlives(engine: Any) -> None:
    go = asyncio.Event()

    async def later(session: Any) -> None:
        await go.wait()
        await put(session, 2)

    async with atomic(engine) as session:
        await put(session, 1)
        task = asyncio.create_task(later(session))
    go.set()
    await task


@asynchronous
async def task_commits(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await asyncio.create_task(session.commit())
        await put(session, 2)
        raise BoomError


@asynchronous
async def waited(engine: Any) -> None:
    """On 3.11 and before, ``wait_for`` runs what it is given in a task of its own."""
    async with atomic(engine) as session:
        await put(session, 1)
        await asyncio.wait_for(put(session, 2), 5)


@asynchronous
async def context_of_task(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await asyncio.create_task(put(session, 2), context=contextvars.copy_context())


@asynchronous
async def in_a_thread(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await asyncio.to_thread(lambda: write(session.sync_session, 2))


@asynchronous
async def sync_commit(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await session.run_sync(lambda made: made.commit())
        await put(session, 2)
        raise BoomError


@asynchronous
async def sync_connection(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await (await session.connection()).commit()
        await put(session, 2)
        raise BoomError


@asynchronous
async def async_generator(engine: Any) -> None:
    async def rows() -> Any:
        async with atomic(engine) as session:
            await put(session, 1)
            yield session
            await put(session, 2)

    made = rows()
    await made.__anext__()
    del made
    gc.collect()
    await asyncio.sleep(0)
    raise BoomError


@asynchronous
async def async_generator_loop(engine: Any) -> None:
    async def rows() -> Any:
        async with atomic(engine) as session:
            await put(session, 1)
            yield session
            raise BoomError

    async for _ in rows():
        async with atomic(engine) as inner:
            await put(inner, 2)


@asynchronous
async def async_generator_task(engine: Any) -> None:
    async def rows() -> Any:
        async with atomic(engine) as session:
            await put(session, 1)
            yield session
            await put(session, 2)

    made = rows()
    await made.__anext__()
    await asyncio.create_task(made.__anext__())


@asynchronous
async def cancelled(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        asyncio.current_task().cancel()  # type: ignore[union-attr]
        try:
            await put(session, 2)
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()  # type: ignore[union-attr]


@asynchronous
async def cancelled_in_sleep(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.01)
        await put(session, 2)


@asynchronous
async def async_savepoint_crossed(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        one, two = savepoint(), savepoint()
        await one.__aenter__()
        await two.__aenter__()
        await one.__aexit__(None, None, None)
        await two.__aexit__(None, None, None)
        await put(session, 2)


@asynchronous
async def async_session_after(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
    await put(session, 2)


@asynchronous
async def async_callback(engine: Any) -> None:
    async def later() -> None:
        async with atomic(engine) as inner:
            await put(inner, 2)

    async with atomic(engine) as session:
        await put(session, 1)
        on_commit(later)


@asynchronous
async def async_joined_swallowed(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        with contextlib.suppress(BoomError):
            async with atomic(engine) as inner:
                await put(inner, 2)
                raise BoomError


@asynchronous
async def sync_block_in_task(engine: Any) -> None:
    with atomic(engine) as session:
        await put(session, 1)


@asynchronous
async def shielded(engine: Any) -> None:
    async with atomic(engine) as session:
        await put(session, 1)
        await asyncio.shield(put(session, 2))


@asynchronous
async def task_group(engine: Any) -> None:
    async with atomic(engine) as session, asyncio.TaskGroup() as group:
        group.create_task(put(session, 1))
        group.create_task(put(session, 2))
