"""Ways to share a unit with a thread, a child, a signal handler, another session or another engine."""

from __future__ import annotations

import concurrent.futures
import contextlib
import contextvars
import gc
import os
import pickle
import signal
import weakref
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic
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
def thread_uses(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        in_thread(lambda: write(session, 2))


@PROGRAMS.on(PLAIN)
def thread_commits(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        in_thread(session.commit)
        write(session, 2)


@PROGRAMS.on(PLAIN)
def thread_swallowed(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with contextlib.suppress(Exception):
            in_thread(session.rollback)
        write(session, 2)


@PROGRAMS.on(PLAIN)
def thread_on_connection(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        connection = session.connection()
        in_thread(lambda: connection.exec_driver_sql("INSERT INTO t VALUES (2)"))


@PROGRAMS.on(ON_SERVERS)
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


@PROGRAMS.on(PLAIN)
def same_thread_context(place: Place) -> None:
    engine = place.engine()
    with atomic(engine) as session:
        write(session, 1)

        def joins() -> None:
            with atomic(engine) as inner:
                write(inner, 2)

        contextvars.copy_context().run(joins)


@PROGRAMS.on(PLAIN)
def context_after(place: Place) -> None:
    engine = place.engine()
    with atomic(engine) as session:
        write(session, 1)
        context = contextvars.copy_context()

    def joins() -> None:
        with atomic(engine) as inner:
            write(inner, 2)

    context.run(joins)


@PROGRAMS.on(ON_SERVERS)
def executor(place: Place) -> None:
    engine = place.engine()
    with atomic(engine) as session, concurrent.futures.ThreadPoolExecutor(1) as pool:
        write(session, 1)
        pool.submit(write, session, 2).result()


@PROGRAMS.on(PLAIN)
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


@PROGRAMS.on(PLAIN)
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


@PROGRAMS.on(PLAIN)
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


@PROGRAMS.on(PLAIN)
def second_session(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with Session(session.connection()) as other:
            write(other, 2)
            other.commit()
        raise BoomError


@PROGRAMS.on(PLAIN)
def second_session_savepoint(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with Session(session.connection(), join_transaction_mode="create_savepoint") as other:
            write(other, 2)
            other.commit()


@PROGRAMS.on(PLAIN)
def second_session_control(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with Session(session.connection(), join_transaction_mode="control_fully") as other:
            write(other, 2)
            other.commit()
        raise BoomError


@PROGRAMS.on(PLAIN)
def atomic_on_connection(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with atomic(sessionmaker(session.connection())) as other:
            write(other, 2)
        raise BoomError


@PROGRAMS.on(ON_SERVERS)
def other_engine(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        with place.engine().begin() as connection:
            write(connection, 2)
        raise BoomError


@PROGRAMS.on(ON_SERVERS, 1)
def other_engine_after(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        connection = place.engine().raw_connection()
        connection.cursor().execute("INSERT INTO t VALUES (2)")
    connection.close()


@PROGRAMS.on(PLAIN)
def unpickled(place: Place) -> None:
    with atomic(place.engine()) as session:
        write(session, 1)
        pickle.loads(pickle.dumps(session))
        write(session, 2)


@PROGRAMS.on(PLAIN)
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


@PROGRAMS.on(PLAIN)
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


@PROGRAMS.on(PLAIN)
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
