"""A connection beside that of a unit, such as the fence's: in a real transaction, however its engine is set up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from sqlalchemy.engine import Connection, Engine

from acidity.run import server, sqlite
from acidity.run.errors import BoundaryError
from acidity.run.guard import aside
from acidity.run.link import link_of
from acidity.run.status import Status
from acidity.run.taken import TakenConnection


@contextmanager
def beside(engine: Engine) -> Iterator[Connection]:
    """A connection whose transaction has begun, and is rolled back at the end unless it was committed by then.

    Raises:
        BoundaryError: its driver is in AUTOCOMMIT behind SQLAlchemy's back.
    """
    with aside(TakenConnection(engine)) as connection:
        if connection.dialect.name != "sqlite":
            refuse_hidden_autocommit(connection)
            if connection._is_autocommit_isolation():
                connection.execution_options(isolation_level="READ COMMITTED")
                server.reset_safely(connection)
        connection.begin()
        if connection.dialect.name == "sqlite" and link_of(connection).told.transaction() is Status.CLOSED:
            sqlite.begin_on(connection, "DEFERRED")
        yield connection


def refuse_hidden_autocommit(connection: Connection) -> None:
    """Refuse a driver that is in AUTOCOMMIT although SQLAlchemy was not asked for it, and throw its connection away.

    Raises:
        BoundaryError: it is.
    """
    if link_of(connection).told.autocommits() and not connection._is_autocommit_isolation():
        connection.invalidate()  # or the next one from the pool would be the same, whoever has turned it on
        connection.close()
        refuse_autocommit("the driver's connection")


def refuse_autocommit(what: str = "the engine") -> NoReturn:
    """Refuse a connection on which every statement is a transaction.

    Raises:
        BoundaryError: always.
    """
    raise BoundaryError(
        f"{what} is in AUTOCOMMIT: nothing could be rolled back. Leave it out (connect_args, events, SET autocommit), "
        f"or give isolation_level= to atomic(…) where the engine has isolation_level='AUTOCOMMIT'"
    )
