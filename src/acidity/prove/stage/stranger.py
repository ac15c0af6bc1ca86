"""The second look's stranger: one harmless committed unit of work on every pooled connection, checked out all at once.

Whatever an operation left open in the pool is committed by the next user of that connection; so is what it left here.
What outlives a transaction, such as an advisory lock or a temporary table, stays for that user to stumble over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import Pool, QueuePool

from acidity.adapters.behind import pooled_connection_of
from acidity.engines.base import Sandbox
from acidity.engines.session import Left, LeftKind

_MEETS = {
    LeftKind.LOCK: "still held: the next user of that connection holds what it never took, and all others wait",
    LeftKind.TABLE: "still there: the next user of that connection finds its rows, and cannot create it again",
    LeftKind.DATABASE: "still there: the next user of that connection finds its rows, and cannot attach it again",
}


@dataclass(frozen=True, slots=True)
class Encounter:
    """What the stranger met.

    Attributes:
        leaks: open transactions it found, in words.
        stopped: the error that kept it from its own work, or nothing.
        left: what outlives a transaction and was found on pooled connections, in words.
    """

    leaks: tuple[str, ...] = ()
    stopped: str = ""
    left: tuple[str, ...] = ()

    def with_open(self, count: int) -> Encounter:
        """Everything that was left open, each sentence once, as leaks.

        Args:
            count: how many connections had a transaction open before the stranger came, pooled or not.
        """
        outside = ("a session or connection was left open with its transaction",) * max(0, count - len(self.leaks))
        return Encounter(tuple(dict.fromkeys((*self.leaks, *outside, *self.left))), self.stopped)

    def at(self, database: str) -> Encounter:
        """The same, said of one database among several."""
        if not database:
            return self
        leaks, left = (tuple(f"{database}: {each}" for each in found) for found in (self.leaks, self.left))
        return Encounter(leaks, self.stopped and f"{database}: {self.stopped}", left)

    def __add__(self, other: Encounter) -> Encounter:
        return Encounter(self.leaks + other.leaks, self.stopped or other.stopped, self.left + other.left)


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
    stops: tuple[type[Exception], ...] = (SQLAlchemyError, *_unwrapped(engine))
    held: list[Connection] = []
    opened: dict[int, bool] = {}

    def look(driver: Any, *_: Any) -> None:
        """Before any listener of the program, whose own question would begin a transaction."""
        opened[id(driver)] = _has_transaction(driver, engine.dialect, sandbox)

    event.listen(engine, "checkout", look, insert=True)
    stopped = ""
    left: tuple[str, ...] = ()
    kept: set[Left] = set()
    try:
        for _ in range(max(1, _idle(engine.pool))):
            held.append(_checked_out(engine))  # noqa: PERF401 - kept when one cannot be had
        for connection in held:
            is_open = opened.get(id(pooled_connection_of(connection).dbapi_connection), False)
            stopped = _work(connection, sandbox, kept, is_open=is_open) or stopped
    except stops as error:
        stopped = stopped or _text(error)
    finally:
        event.remove(engine, "checkout", look)
        for connection in held:
            with suppress(Exception):
                connection.close()
    if kept:  # those are back: a hook of the program's may take a lock for as long as a connection is out of the pool
        try:
            left = tuple(_in_words(kept - _of_every_connection(engine, sandbox)))
        except stops as error:
            stopped = stopped or _text(error)
    leak = "a connection went back to the pool with its transaction open"
    return Encounter((leak,) * sum(opened.values()), stopped, left)


def _checked_out(engine: Engine) -> Connection:
    """A connection of the pool. Those that a fault has ended are only noticed now: the stranger takes the next one."""
    for _ in range(max(1, _idle(engine.pool))):
        with suppress(DBAPIError, *_unwrapped(engine)):
            return engine.connect()
    return engine.connect()


def _unwrapped(engine: Engine) -> tuple[type[Exception], ...]:
    """The driver's own errors: nobody wraps them in a hook, as that is which sets an isolation level of an engine."""
    dbapi: Any = engine.dialect.dbapi
    return dbapi.Error, OSError, EOFError


def _has_transaction(driver: Any, dialect: Dialect, sandbox: Sandbox) -> bool:
    """Whether it came with its transaction open; a wire that is cut has none."""
    try:
        return bool(sandbox.in_transaction(driver)) and not sandbox.has_ended(driver)
    except Exception as error:
        if _is_dead(error, dialect, driver) or sandbox.has_ended(driver):
            return False
        raise


def _of_every_connection(engine: Engine, sandbox: Sandbox) -> set[Left]:
    """What a new connection of this engine has from the start, because a connect hook of the program makes it."""
    pool = engine.pool.recreate()
    fresh = pool.connect()
    try:
        return set(sandbox.left_on(fresh.dbapi_connection))
    finally:
        fresh.close()
        pool.dispose()


def _in_words(kept: Iterable[Left]) -> Iterator[str]:
    """One sentence for each kind of thing, with their names."""
    for kind in LeftKind:
        names = sorted(each.name.strip("`") for each in kept if each.kind is kind)
        if names:
            yield f"a connection went back to the pool with {_called(kind.value, names)} {_MEETS[kind]}"


def _called(kind: str, names: list[str]) -> str:
    """The things by their names: ``advisory locks 7 and 9``.

    >>> _called("temporary table", ["a", "b", "c"])
    'temporary tables a, b and c'
    """
    if names == [""]:  # the engine tells how many there are, and not what they are called
        return f"an {kind}"
    if len(names) == 1:
        return f"{kind} {names[0]}"
    return f"{kind}s {', '.join(names[:-1])} and {names[-1]}"


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


def _work(connection: Connection, sandbox: Sandbox, kept: set[Left], *, is_open: bool) -> str:
    """Write, look at what the session keeps, and commit; give the error that stopped this, or nothing.

    A transaction that was open may hold locks that end with it, so that session is not asked.
    """
    driver = pooled_connection_of(connection).dbapi_connection
    try:
        with sandbox.impatient(driver):
            connection.exec_driver_sql(sandbox.harmless_write())
            if not is_open:
                kept.update(sandbox.left_on(driver))
            connection.commit()
    except Exception as error:  # of SQLAlchemy, or of the driver itself
        with suppress(Exception):
            connection.rollback()
        return "" if _is_dead(error, connection.dialect, driver) or sandbox.has_ended(driver) else _text(error)
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
