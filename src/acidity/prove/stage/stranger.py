"""The second look's stranger: one harmless committed unit of work on every pooled connection, checked out all at once.

Whatever an operation left open in the pool is committed by the next user of that connection; so is what it left here.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import Pool, QueuePool

from acidity.engines.base import Sandbox


@dataclass(frozen=True, slots=True)
class Encounter:
    """What the stranger met.

    Attributes:
        leaks: open transactions it found, in words.
        stopped: the error that kept it from its own work, or nothing.
    """

    leaks: tuple[str, ...] = ()
    stopped: str = ""

    def at(self, database: str) -> Encounter:
        """The same, said of one database among several."""
        if not database:
            return self
        leaks = tuple(f"{database}: {leak}" for leak in self.leaks)
        return Encounter(leaks, self.stopped and f"{database}: {self.stopped}")

    def __add__(self, other: Encounter) -> Encounter:
        return Encounter(self.leaks + other.leaks, self.stopped or other.stopped)


def open_transactions(opened: Iterable[Any], sandbox: Sandbox) -> int:
    """How many of the driver connections have a transaction open."""
    return sum(1 for connection in opened if sandbox.in_transaction(connection))


def meet(engines: Iterable[Engine], sandbox: Sandbox, *, beside: bool = False) -> Encounter:
    """Let a stranger work on every idle connection of these engines, and on one that is in no pool if asked for."""
    leaks: list[str] = []
    stopped = ""
    for engine in engines:
        held: list[Connection] = []
        try:
            if _exhausted(engine.pool):
                stopped = stopped or "the pool had no connection left"
                continue
            held.extend(engine.connect() for _ in range(max(1, _idle(engine.pool))))
            found_open = [sandbox.in_transaction(connection.connection.dbapi_connection) for connection in held]
            leaks.extend(["a connection went back to the pool with its transaction open"] * found_open.count(True))
            for connection in held:
                stopped = _work(connection, sandbox) or stopped
        except (DBAPIError, SQLAlchemyError) as error:
            stopped = stopped or _text(error)
        finally:
            for connection in held:
                with suppress(Exception):
                    connection.close()
    if beside:
        stopped = stopped or _work_beside(sandbox)
    return Encounter(tuple(leaks), stopped)


def _work_beside(sandbox: Sandbox) -> str:
    """Programs without a pool open a connection of their own; only locks that were left can stop them."""
    connection = sandbox.connect_beside()
    try:
        sandbox.send(connection, "BEGIN")
        with sandbox.impatient(connection):
            sandbox.send(connection, sandbox.harmless_write())
            sandbox.send(connection, "COMMIT")
    except Exception as error:
        return _text(error)
    finally:
        connection.close()
    return ""


def _work(connection: Connection, sandbox: Sandbox) -> str:
    driver = connection.connection.dbapi_connection
    try:
        with sandbox.impatient(driver):
            connection.exec_driver_sql(sandbox.harmless_write())
            connection.commit()
    except Exception as error:  # of SQLAlchemy, or of the driver itself
        with suppress(Exception):
            connection.rollback()
        return "" if _is_dead(error, connection, driver) else _text(error)
    return ""


def _is_dead(error: Exception, connection: Connection, driver: Any) -> bool:
    """A connection that a fault ended holds nothing any more; the pool replaces it, and that stops nobody."""
    original: Any = error.orig if isinstance(error, DBAPIError) else error
    dbapi: Any = connection.dialect.dbapi
    return isinstance(original, dbapi.Error) and connection.dialect.is_disconnect(original, driver, None)


def _text(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return f"{type(original).__name__}: {original}"


def _idle(pool: Pool) -> int:
    return pool.checkedin() if isinstance(pool, QueuePool) else 1


def _exhausted(pool: Pool) -> bool:
    if not isinstance(pool, QueuePool) or pool._max_overflow < 0:
        return False
    return pool.checkedin() == 0 and pool.checkedout() >= pool.size() + pool._max_overflow
