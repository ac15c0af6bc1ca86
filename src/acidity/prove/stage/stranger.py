"""The second look's stranger: one harmless committed unit of work on every pooled connection, checked out all at once.

Whatever an operation left open in the pool is committed by the next user of that connection; so is what it left here.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Dialect, Engine
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
    met = sum((_meet_pool(engine, sandbox) for engine in engines), Encounter())
    if beside and not met.stopped:
        met += Encounter(stopped=_work_beside(sandbox) and _work_beside(sandbox))
    return met


def _meet_pool(engine: Engine, sandbox: Sandbox) -> Encounter:
    """Check every idle connection of one pool out, look at it, and work on it."""
    if _exhausted(engine.pool):
        return Encounter(stopped="the pool had no connection left")
    held: list[Connection] = []
    found_open: list[str] = []

    def look(driver: Any, *_: Any) -> None:
        """Before any listener of the program, whose own question would begin a transaction."""
        if _has_transaction(driver, engine.dialect, sandbox):
            found_open.append("a connection went back to the pool with its transaction open")

    event.listen(engine, "checkout", look, insert=True)
    try:
        held.extend(_checked_out(engine) for _ in range(max(1, _idle(engine.pool))))
        stopped = [text for text in [_work(connection, sandbox) for connection in held] if text]
        return Encounter(tuple(found_open), stopped[-1] if stopped else "")
    except SQLAlchemyError as error:
        return Encounter(tuple(found_open), _text(error))
    finally:
        event.remove(engine, "checkout", look)
        for connection in held:
            with suppress(Exception):
                connection.close()


def _checked_out(engine: Engine) -> Connection:
    """A connection of the pool. One that a fault has ended is only noticed now: the stranger takes the next one."""
    try:
        return engine.connect()
    except DBAPIError:
        return engine.connect()


def _has_transaction(driver: Any, dialect: Dialect, sandbox: Sandbox) -> bool:
    """Whether it came with its transaction open; a wire that is cut has none."""
    try:
        return sandbox.in_transaction(driver)
    except Exception as error:
        if _is_dead(error, dialect, driver):
            return False
        raise


def _work_beside(sandbox: Sandbox) -> str:
    """Programs without a pool open a connection of their own; only locks that were left can stop them.

    Returns:
        What stopped the stranger, or nothing. Whoever gets an answer asks a second time: locks stay, a wire is new.
    """
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
        return "" if _is_dead(error, connection.dialect, driver) else _text(error)
    return ""


def _is_dead(error: Exception, dialect: Dialect, driver: Any) -> bool:
    """A connection that a fault ended holds nothing any more; the pool replaces it, and that stops nobody."""
    original: Any = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, OSError | EOFError):  # not every driver wraps what its socket raises
        return True
    dbapi: Any = dialect.dbapi
    return isinstance(original, dbapi.Error) and dialect.is_disconnect(original, driver, None)


def _text(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return f"{type(original).__name__}: {original}"


def _idle(pool: Pool) -> int:
    return pool.checkedin() if isinstance(pool, QueuePool) else 1


def _exhausted(pool: Pool) -> bool:
    if not isinstance(pool, QueuePool) or pool._max_overflow < 0:
        return False
    return pool.checkedin() == 0 and pool.checkedout() >= pool.size() + pool._max_overflow
