"""Ways to autocommit, by somebody who read only the pages."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import StaticPool

from acidity import atomic
from tests.run.stranger.place import (
    ALL,
    MARIA,
    ON_SERVERS,
    PLAIN,
    SQLITE,
    BoomError,
    Place,
    Programs,
    write,
)

PROGRAMS = Programs()


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


@PROGRAMS.on(ALL)
def engine_option(place: Place) -> None:
    torn(place, place.engine(isolation_level="AUTOCOMMIT"))


@PROGRAMS.on(ALL)
def engine_execution_options(place: Place) -> None:
    torn(place, place.engine(execution_options={"isolation_level": "AUTOCOMMIT"}))


@PROGRAMS.on(ALL)
def engine_copy(place: Place) -> None:
    torn(place, place.engine().execution_options(isolation_level="AUTOCOMMIT"))


@PROGRAMS.on(ALL)
def lower_case(place: Place) -> None:
    torn(place, place.engine(isolation_level="autocommit"))


@PROGRAMS.on("psycopg pymysql aiomysql")
def connect_args(place: Place) -> None:
    torn(place, place.engine(connect_args={"autocommit": True}))


@PROGRAMS.on(SQLITE)
def connect_args_level(place: Place) -> None:
    torn(place, place.engine(connect_args={"isolation_level": None}))


@PROGRAMS.on(MARIA)
def init_command(place: Place) -> None:
    torn(place, place.engine(connect_args={"init_command": "SET autocommit=1"}))


@PROGRAMS.on(MARIA)
def init_command_none(place: Place) -> None:
    torn(place, place.engine(connect_args={"init_command": "SET autocommit=1", "autocommit": None}))


@PROGRAMS.on(ALL)
def connect_event(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(core(engine), "connect")
    def connect(connection: Any, _record: Any) -> None:
        core(engine).dialect.set_isolation_level(connection, "AUTOCOMMIT")

    torn(place, engine)


@PROGRAMS.on(ALL)
def checkout_event(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(core(engine), "checkout")
    def checkout(connection: Any, _record: Any, _proxy: Any) -> None:
        core(engine).dialect.set_isolation_level(connection, "AUTOCOMMIT")

    torn(place, engine)


@PROGRAMS.on(ALL)
def begin_event(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(core(engine), "begin")
    def begin(connection: Any) -> None:
        core(engine).dialect.set_isolation_level(connection.connection.dbapi_connection, "AUTOCOMMIT")

    torn(place, engine)


@PROGRAMS.on(ALL)
def engine_connect_event(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(core(engine), "engine_connect")
    def connected(connection: Any) -> None:
        connection.execution_options(isolation_level="AUTOCOMMIT")

    torn(place, engine)


@PROGRAMS.on(ALL)
def statement_event(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(core(engine), "before_cursor_execute")
    def before(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "(2)" in statement:
            core(engine).dialect.set_isolation_level(connection.connection.dbapi_connection, "AUTOCOMMIT")

    torn(place, engine)


@PROGRAMS.on(ALL)
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


@PROGRAMS.on("pymysql")
def left_by_a_unit(place: Place) -> None:
    engine = place.engine(pool_size=1, max_overflow=0)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET autocommit=1")
    torn(place, engine)


@PROGRAMS.on(ON_SERVERS)
def no_reset(place: Place) -> None:
    engine = place.engine(pool_reset_on_return=None, pool_size=1, max_overflow=0)
    with engine.connect() as connection:
        set_raw_quietly(connection)
    torn(place, engine)


def set_raw_quietly(connection: Any) -> None:
    with contextlib.suppress(Exception):
        set_raw(connection)


@PROGRAMS.on(ON_SERVERS)
def dirty_pool(place: Place) -> None:
    """What another one left open is neither committed nor taken for the unit's."""
    engine = place.engine(pool_reset_on_return=None, pool_size=1, max_overflow=0)
    connection = engine.connect()
    write(connection, 9)
    connection.close()
    with atomic(engine) as session:
        write(session, 1)
        write(session, 2)


@PROGRAMS.on(PLAIN)
def creator(place: Place) -> None:
    plain = place.engine()

    def create() -> Any:
        made = plain.raw_connection()
        made.detach()
        plain.dialect.set_isolation_level(made.dbapi_connection, "AUTOCOMMIT")
        return made.dbapi_connection

    torn(place, create_engine(place.url, creator=create))


@PROGRAMS.on(PLAIN)
def static_pool(place: Place) -> None:
    engine = place.engine(poolclass=StaticPool)
    with engine.connect() as connection:
        set_raw(connection)
        torn(place, engine)


@PROGRAMS.on(PLAIN)
def bound_connection(place: Place) -> None:
    engine = place.engine()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        with atomic(sessionmaker(connection)) as session:
            write(session, 1)
            write(session, 2)
            raise BoomError


@PROGRAMS.on(PLAIN)
def maker_with_copy(place: Place) -> None:
    engine = place.engine().execution_options(isolation_level="AUTOCOMMIT")
    with atomic(sessionmaker(engine, autoflush=False)) as session:
        write(session, 1)
        write(session, 2)
        raise BoomError


@PROGRAMS.on(PLAIN)
def session_events(place: Place) -> None:
    maker = sessionmaker(place.engine())

    @event.listens_for(maker, "after_begin")
    def began(_session: Any, _transaction: Any, connection: Any) -> None:
        set_raw(connection)

    with atomic(maker) as session:
        write(session, 1)
        write(session, 2)
        raise BoomError


@PROGRAMS.on(PLAIN)
def bind_of_the_session(place: Place) -> None:
    plain = place.engine()
    maker = sessionmaker(plain, binds={})
    with atomic(maker) as session:
        write(session, 1)
        session.bind = plain.execution_options(isolation_level="AUTOCOMMIT")
        write(session, 2)
        raise BoomError


@PROGRAMS.on(PLAIN)
def bind_arguments(place: Place) -> None:
    plain = place.engine()
    other = plain.execution_options(isolation_level="AUTOCOMMIT")
    with atomic(plain) as session:
        write(session, 1)
        session.execute(text("INSERT INTO t VALUES (2)"), bind_arguments={"bind": other})
        raise BoomError


@PROGRAMS.on(PLAIN)
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


@PROGRAMS.on(ALL)
def unit_option(place: Place) -> None:
    torn(place, isolation_level="AUTOCOMMIT")


@PROGRAMS.on(ALL)
def read_only(place: Place) -> None:
    torn(place, read_only=True)


@PROGRAMS.on(ALL)
def marker_on_autocommit(place: Place) -> None:
    torn(place, place.engine(isolation_level="AUTOCOMMIT"), resolve_commit=True)


@PROGRAMS.on(PLAIN)
def independent_on_autocommit(place: Place) -> None:
    plain = place.engine()
    with (
        atomic(plain, read_only=True),
        atomic(plain.execution_options(isolation_level="AUTOCOMMIT"), independent=True) as s,
    ):
        write(s, 1)
        write(s, 2)
        raise BoomError


@PROGRAMS.on("psycopg psycopg2")
def default_read_write(place: Place) -> None:
    torn(place, place.engine(connect_args={"options": "-c default_transaction_isolation=serializable"}))


@PROGRAMS.on("sqlite3")
def begin_nothing(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    with engine.connect():
        pass
    torn(place, engine)


@PROGRAMS.on("sqlite3")
def begin_event_of_sqlite(place: Place) -> None:
    engine = place.engine()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    torn(place, engine)


@PROGRAMS.on(MARIA)
def chained(place: Place) -> None:
    torn(place, place.engine(connect_args={"init_command": "SET completion_type='CHAIN'"}))


@PROGRAMS.on(MARIA)
def sql_mode(place: Place) -> None:
    torn(
        place, place.engine(connect_args={"sql_mode": "ANSI_QUOTES"}), between=lambda s: s.execute(text("SELECT '\"'"))
    )
