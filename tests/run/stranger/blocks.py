"""Blocks in generators, blocks that are left by hand or twice, and what is used after they have ended."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

from sqlalchemy import text

from acidity import atomic, on_commit, savepoint
from tests.run.stranger.place import (
    ON_SERVERS,
    PLAIN,
    BoomError,
    Place,
    Programs,
    in_thread,
    write,
)

PROGRAMS = Programs()


@PROGRAMS.on(PLAIN)
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


@PROGRAMS.on(PLAIN)
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


@PROGRAMS.on(PLAIN)
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


@PROGRAMS.on(PLAIN)
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


@PROGRAMS.on(ON_SERVERS)
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


@PROGRAMS.on(PLAIN)
def exit_stack(place: Place) -> None:
    engine = place.engine()
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(atomic(engine))
        write(session, 1)
        with atomic(engine) as inner:
            write(inner, 2)


@PROGRAMS.on(PLAIN)
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


@PROGRAMS.on(PLAIN)
def ended_twice(place: Place) -> None:
    block = atomic(place.engine())
    session = block.__enter__()
    write(session, 1)
    write(session, 2)
    block.__exit__(None, None, None)
    block.__exit__(None, None, None)


@PROGRAMS.on(PLAIN)
def never_left(place: Place) -> None:
    block = atomic(place.engine())
    write(block.__enter__(), 1)
    del block
    gc.collect()
    raise BoomError


@PROGRAMS.on(PLAIN, 1)
def session_after(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
    write(session, 2)
    session.commit()


@PROGRAMS.on(PLAIN, 1)
def connection_after(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        connection = session.connection()
    write(connection, 2)
    connection.commit()


@PROGRAMS.on(PLAIN, 1)
def driver_after(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        cursor = session.connection().connection.cursor()
    cursor.execute("INSERT INTO t VALUES (2)")


@PROGRAMS.on(PLAIN)
def callback_writes(place: Place) -> None:
    engine = place.engine()

    def later() -> None:
        with atomic(engine) as session:
            write(session, 2)

    with atomic(engine) as session:
        write(session, 1)
        on_commit(later)


@PROGRAMS.on(PLAIN, 1)
def callback_uses_session(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        on_commit(lambda: write(session, 2))


@PROGRAMS.on(PLAIN)
def crossed(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        one, two = savepoint(), savepoint()
        one.__enter__()
        two.__enter__()
        one.__exit__(None, None, None)
        two.__exit__(None, None, None)
        write(session, 2)


@PROGRAMS.on(PLAIN)
def savepoint_outlives(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        point = savepoint()
        point.__enter__()
        write(session, 2)


@PROGRAMS.on(PLAIN, 1, 2)
def savepoint_after(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        write(session, 2)
        with savepoint() as point:
            pass
    point.rollback()


@PROGRAMS.on(PLAIN)
def nested_kept(place: Place) -> None:
    with atomic(place.engine()) as session:
        nested = session.begin_nested()
        write(session, 1)
        write(session, 2)
        session.connection().exec_driver_sql("SELECT 1")
        assert nested


@PROGRAMS.on(PLAIN)
def joined_swallowed(place: Place) -> None:
    engine = place.engine()
    with atomic(engine) as session:
        write(session, 1)
        with contextlib.suppress(BoomError), atomic(engine) as inner:
            write(inner, 2)
            raise BoomError


@PROGRAMS.on(PLAIN)
def statement_after_ended(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with contextlib.suppress(Exception):
            session.execute(text("COMMIT"))
        write(session, 2)


@PROGRAMS.on(PLAIN)
def swallowed_duplicate(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        write(session, 2)
        with contextlib.suppress(Exception):
            write(session, 1)


@PROGRAMS.on(PLAIN, 1)
def returned_from_block(place: Place) -> None:
    @atomic(place.engine())
    def give(session: Any) -> Any:
        write(session, 1)
        return session

    give().execute(text("INSERT INTO t VALUES (2)"))


@PROGRAMS.on(PLAIN)
def streams(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        write(session, 2)
        result = session.execute(text("SELECT id FROM t ORDER BY id"))
    try:
        list(result)
    except Exception:
        return
