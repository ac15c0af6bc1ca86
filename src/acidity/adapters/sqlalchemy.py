"""SQLAlchemy's way through the seam: every engine of the process, sync and async, made before or inside an operation.

How it works: class-level events tell of every new driver connection (``do_connect``) and of every `Connection`
(``engine_connect``); the *instance* of the dialect that shows up is then wrapped where SQLAlchemy hands over to the
driver (``do_execute*``, ``do_commit``, ``do_rollback`` and the two-phase calls). Nothing of the user's code changes,
and `SqlAlchemyAdapter.remove` takes everything back. Dialect probes and the pool's own reset pass unseen.
"""

from __future__ import annotations

import sys
import weakref
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any, NoReturn

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool, QueuePool, SingletonThreadPool, StaticPool

from acidity.adapters.base import Gatekeeper, describe_target, destination, leads_elsewhere
from acidity.adapters.drivers.base import Said
from acidity.adapters.meaning import asked
from acidity.adapters.seam import Actor, current_actor, request
from acidity.adapters.site import find_site
from acidity.core.call import Kind
from acidity.engines.base import Sandbox
from acidity.errors import ForeignDatabase

_EXECUTES = ("do_execute", "do_executemany", "do_execute_no_params")
_REMEDY = (
    'Redirect a module-level engine with bind="module:engine", or let the operation take a session, engine or url as '
    "its first parameter."
)
_TWO_PHASE = {
    "do_prepare_twophase": Kind.PREPARE,
    "do_commit_twophase": Kind.COMMIT,
    "do_rollback_twophase": Kind.ROLLBACK,
}


@dataclass(frozen=True, slots=True)
class DriverWire:
    """The `LiveConnection` of a SQLAlchemy connection."""

    sandbox: Sandbox
    dialect: Dialect
    connection: Any

    @property
    def engine(self) -> str:
        """The name of the database engine."""
        return self.sandbox.engine_name

    @property
    def database(self) -> str:
        """What the scenario calls the database."""
        return self.sandbox.name

    @property
    def errors(self) -> Any:
        """The driver's exception classes."""
        return self.dialect.dbapi

    def on_driver(self, action: Callable[[Any], Any]) -> Any:
        """Run `action` with the driver's connection in the thread that the driver demands."""
        return self.sandbox.on_driver(self.connection, action)

    def send(self, sql: str) -> None:
        """Send a statement on the same connection."""
        self.sandbox.send(self.connection, sql)

    def close(self) -> None:
        """Close the driver's connection, as a lost one is closed."""
        with suppress(Exception):
            self.connection.close()

    def rollback(self) -> None:
        """Roll back on the driver."""
        self.connection.rollback()

    def impatient(self) -> AbstractContextManager[None]:
        """Let no lock wait on it last."""
        return self.sandbox.impatient(self.connection)

    def disconnected(self, error: BaseException) -> bool:
        """What the dialect says of this error."""
        dbapi: Any = self.dialect.dbapi
        return isinstance(error, dbapi.Error) and self.dialect.is_disconnect(error, self.connection, None)


class SqlAlchemyAdapter:
    """Brings the calls of every SQLAlchemy engine to the seam while it is installed.

    Args:
        gatekeeper: decides where engines may connect to.
    """

    def __init__(self, gatekeeper: Gatekeeper) -> None:
        self.gatekeeper = gatekeeper
        self.armed = False
        self.paused = False
        self.engines: dict[int, tuple[Engine, Sandbox]] = {}
        self.orphans: list[str] = []
        self.sessions: weakref.WeakSet[Session] = weakref.WeakSet()
        self._redirected: dict[int, Sandbox] = {}
        self._admitted: dict[int, tuple[Dialect, Sandbox]] = {}
        self._opened: dict[int, tuple[Any, Sandbox]] = {}
        self._wrapped: dict[int, Dialect] = {}
        self._resetting: set[int] = set()
        self._raw: dict[int, Actor] = {}
        self._records: dict[int, Any] = {}
        self._nested = False
        self._listeners: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
            (Engine, "do_connect", self._on_do_connect),
            (Engine, "engine_connect", self._on_engine_connect),
            (Pool, "checkout", self._on_checkout),
            (Pool, "reset", self._on_reset),
            (Session, "after_begin", self._on_session_begin),
        )

    def install(self) -> None:
        """Start listening."""
        for target, name, listener in self._listeners:
            event.listen(target, name, listener)

    def remove(self) -> None:
        """Take back every hook."""
        for target, name, listener in self._listeners:
            event.remove(target, name, listener)
        for dialect in self._wrapped.values():
            for name in (*_EXECUTES, "do_commit", "do_rollback", "set_isolation_level", *_TWO_PHASE):
                dialect.__dict__.pop(name, None)
        self._wrapped.clear()

    @contextmanager
    def pausing(self) -> Iterator[None]:
        """What happens in this context is acidity's own: nothing is noted."""
        self.paused = True
        try:
            yield
        finally:
            self.paused = False

    @contextmanager
    def redirecting(self, engine: Engine, sandbox: Sandbox) -> Iterator[None]:
        """Point a module-level engine at a Sandbox while the context lasts.

        On the same kind of database its hooks, options and driver stay; on another kind, everything that belongs to the
        old kind is replaced with what ``create_engine`` makes for the Sandbox.
        """
        old = (engine.pool, engine.dialect, engine.url)
        if sandbox.serves(engine.dialect.name):
            engine.pool = self._redirected_pool(engine, sandbox)
        else:
            made = _engine_for(sandbox, asynchronous=engine.dialect.is_async)
            engine.pool, engine.dialect, engine.url = made.pool, made.dialect, made.url
        self._redirected[id(engine.dialect)] = sandbox
        try:
            yield
        finally:
            self._redirected.pop(id(engine.dialect))
            engine.pool.dispose()
            engine.pool, engine.dialect, engine.url = old

    def _redirected_pool(self, engine: Engine, sandbox: Sandbox) -> Pool:
        old = engine.pool
        memory = isinstance(old, SingletonThreadPool | StaticPool) and sandbox.in_memory(engine.url)
        pool = self._file_pool(old) if memory else old.recreate()
        if _made_by_the_user(old._creator):
            pool._creator = lambda: self._admit(engine.dialect, sandbox, sandbox.connect(engine.dialect, {}))
        return pool

    def _file_pool(self, old: Pool) -> Pool:
        """An in-memory database has one connection; the file that stands in for it has an ordinary pool."""
        pool_class: type[Pool] = QueuePool
        if old._dialect.is_async:
            from sqlalchemy.pool import AsyncAdaptedQueuePool

            pool_class = AsyncAdaptedQueuePool
        return pool_class(old._creator, dialect=old._dialect, _dispatch=old.dispatch)

    # What the events tell

    def _on_do_connect(self, dialect: Dialect, _record: Any, cargs: list[Any], cparams: dict[str, Any]) -> Any:
        if self.paused:
            return None
        redirected = self._redirected.get(id(dialect))
        if redirected is not None:
            return self._admit(dialect, redirected, redirected.connect(dialect, cparams))
        ours = destination(self.gatekeeper, dialect.name, cargs, cparams)
        if ours is not None:
            return self._admit(dialect, ours, ours.open(dialect, cargs, cparams))
        if self.armed and current_actor() is not None:
            where = describe_target(self.gatekeeper, dialect.name, cargs, cparams)
            self._refuse(f"an engine inside the operation points at {where}", f"nothing was opened. {_REMEDY}")
        return None

    def _admit(self, dialect: Dialect, sandbox: Sandbox, connection: Any) -> Any:
        self._admitted[id(dialect)] = (dialect, sandbox)
        self._opened[id(connection)] = (connection, sandbox)
        sandbox.claim(connection)
        sandbox.configure(connection)
        return connection

    def _refuse(self, what: str, remedy: str) -> NoReturn:
        error = ForeignDatabase(f"{what}, a database that acidity did not create; {remedy}")
        self.gatekeeper.refuse(error)
        raise error

    def _sandbox_of(self, dbapi_connection: Any) -> Sandbox | None:
        """The database that it was opened to; None when it is not ours."""
        return self._opened.get(id(dbapi_connection), (None, None))[1]

    def _on_engine_connect(self, connection: Connection) -> None:
        if self.paused:
            return
        dbapi_connection = connection.connection.dbapi_connection
        self._raw.pop(id(dbapi_connection), None)
        dialect = connection.dialect
        sandbox = self._sandbox_of(dbapi_connection)
        if sandbox is None and id(dialect) in self._admitted and not self.armed:
            _, sandbox = self._admitted[id(dialect)]
            self._opened[id(dbapi_connection)] = (dbapi_connection, sandbox)  # a stranger's, by the engine's creator=
        if sandbox is not None:
            sandbox.in_use(dbapi_connection, in_use=True)
            self.engines[id(connection.engine)] = (connection.engine, sandbox)
            if id(dialect) not in self._wrapped:
                self._wrap(dialect)
        elif self.armed and current_actor() is not None:
            where = connection.engine.url.render_as_string()
            connection.close()
            self._refuse(f"an engine inside the operation holds a connection to {where}", f"it was not used. {_REMEDY}")

    def _on_checkout(self, dbapi_connection: Any, record: Any, fairy: Any) -> None:
        self._resetting.discard(id(dbapi_connection))
        actor = current_actor()
        if actor is None or self.paused:
            return
        if not self._sandbox_of(dbapi_connection):
            claimed = (part for part in self.gatekeeper.parts.values() if part.claim(dbapi_connection))
            if sandbox := next(claimed, None):
                self._admit(fairy._pool._dialect, sandbox, dbapi_connection)  # made by the engine's own creator=
        if self._sandbox_of(dbapi_connection):
            self._raw[id(dbapi_connection)] = actor
            self._records[id(record)] = record
        elif self.armed and not _for_a_connection():
            self._refuse("raw_connection() inside the operation leads to", f"it was not used. {_REMEDY}")

    def _on_reset(self, dbapi_connection: Any, _record: Any, _state: Any) -> None:
        self._resetting.add(id(dbapi_connection))
        if sandbox := self._sandbox_of(dbapi_connection):
            sandbox.in_use(dbapi_connection, in_use=False)
        actor = self._raw.pop(id(dbapi_connection), None)
        if actor is not None:
            actor.bypasses.append("a raw driver connection was taken from the pool (raw_connection)")

    def _on_session_begin(self, session: Session, _transaction: Any, connection: Connection) -> None:
        if id(connection.dialect) in self._admitted:
            self.sessions.add(session)

    # The wrapping

    def _wrap(self, dialect: Dialect) -> None:
        self._wrapped[id(dialect)] = dialect
        namespace = dialect.__dict__
        for name in _EXECUTES:
            namespace[name] = self._execute_through(dialect, getattr(dialect, name), many=name == "do_executemany")
        namespace["do_commit"] = self._end_through(dialect, dialect.do_commit, Kind.COMMIT)
        namespace["do_rollback"] = self._end_through(dialect, dialect.do_rollback, Kind.ROLLBACK)
        for name, kind in _TWO_PHASE.items():
            namespace[name] = self._two_phase_through(dialect, getattr(dialect, name), kind)
        set_level = dialect.set_isolation_level  # sends what it needs over a cursor of its own
        namespace["set_isolation_level"] = lambda connection, level: self._unseen(set_level, connection, level)

    def _execute_through(self, dialect: Dialect, original: Callable[..., Any], *, many: bool) -> Callable[..., Any]:
        def execute(cursor: Any, statement: str, *rest: Any, **keywords: Any) -> None:
            context = keywords.get("context") or (rest[-1] if rest else None)
            root = getattr(context, "root_connection", None)
            if root is None or not root._allow_autobegin:  # a probe of the dialect
                original(cursor, statement, *rest, **keywords)
                return
            dbapi_connection = root.connection.dbapi_connection
            where = leads_elsewhere(self.gatekeeper, self._leading(dialect, dbapi_connection), statement)
            if where and self.armed:
                self._refuse(f"a statement of the operation leads to {where}", "it was not sent.")
            self._request(
                dialect,
                None,
                statement,
                rest[0] if len(rest) > 1 else None,
                dbapi_connection,
                lambda: original(cursor, statement, *rest, **keywords),
                many=many,
                defaulted=_defaulted(context),
            )

        return execute

    def _end_through(self, dialect: Dialect, original: Callable[..., Any], kind: Kind) -> Callable[..., Any]:
        def end(connection: Any) -> None:
            dbapi_connection = getattr(connection, "dbapi_connection", connection)
            if id(dbapi_connection) in self._resetting:
                self._resetting.discard(id(dbapi_connection))
                actor = current_actor()
                wire = DriverWire(self._leading(dialect, dbapi_connection), dialect, dbapi_connection)
                if actor is None or not actor.interceptor.keeps_open(wire):
                    self._unseen(original, connection)
                return
            self._request(dialect, kind, "", None, dbapi_connection, lambda: original(connection))

        return end

    def _two_phase_through(self, dialect: Dialect, original: Callable[..., Any], kind: Kind) -> Callable[..., Any]:
        def end(connection: Connection, xid: Any, *rest: Any, **keywords: Any) -> None:
            def perform() -> None:
                self._nested = True
                try:
                    original(connection, xid, *rest, **keywords)
                finally:
                    self._nested = False

            self._request(dialect, kind, f"{kind.value} {xid}", None, connection.connection.dbapi_connection, perform)

        return end

    def _request(
        self,
        dialect: Dialect,
        kind: Kind | None,
        sql: str,
        params: Any,
        dbapi_connection: Any,
        perform: Callable[[], None],
        *,
        many: bool = False,
        defaulted: frozenset[str] = frozenset(),
    ) -> None:
        actor = current_actor()
        if actor is None or self._nested:
            if self.armed and actor is None:
                self.orphans.append(f"{kind or Kind.STATEMENT} by a thread or task that belongs to no operation")
            self._unseen(perform)
            return
        sandbox = self._leading(dialect, dbapi_connection)
        said = Said(kind, sql, params, many)
        meant = asked(sandbox, dbapi_connection, said, alone=partial(_stands_alone, sandbox, dbapi_connection))
        with self.gatekeeper.sandbox.unseen():
            try:
                request(
                    actor,
                    meant.kind,
                    sql,
                    params,
                    wire=DriverWire(sandbox, dialect, dbapi_connection),
                    connection=dbapi_connection,
                    site=find_site(),
                    perform=perform,
                    many=many,
                    defaulted=defaulted,
                    autocommit=meant.autocommit,
                    writes=meant.writes,
                    opaque=meant.opaque,
                )
            except CancelledError:
                sandbox.drain(dbapi_connection)
                raise

    def _leading(self, dialect: Dialect, dbapi_connection: Any) -> Sandbox:
        """The database of a connection of a wrapped dialect; after `forget`, the one its engine led to before."""
        return self._sandbox_of(dbapi_connection) or self._admitted[id(dialect)][1]

    def _unseen(self, perform: Callable[..., None], *arguments: Any) -> None:
        with self.gatekeeper.sandbox.unseen():
            perform(*arguments)

    # After a run

    def raw_checkouts(self) -> list[str]:
        """Raw driver connections that were taken from a pool and not given back."""
        found = ["a raw driver connection was taken from the pool (raw_connection)" for _ in self._raw]
        self._raw.clear()
        return found

    def bypasses(self) -> list[str]:
        """Calls of threads that belong to no operation, and raw connections."""
        return [*self.orphans, *self.raw_checkouts()]

    def strangers(self, sandbox: Sandbox) -> bool:
        """They use the pools."""
        del sandbox
        return False

    def opened(self, sandbox: Sandbox) -> list[Any]:
        """Every driver connection of the Sandbox that was opened since the last `forget`."""
        return [connection for connection, its in self._opened.values() if its is sandbox]

    def engines_of(self, sandbox: Sandbox) -> list[Engine]:
        """The engines of the run that lead to it."""
        return [engine for engine, its in self.engines.values() if its is sandbox]

    def forget(self) -> None:
        """Close every session, driver connection and pool that the run left; nothing of it may reach the next run."""
        for session in list(self.sessions):
            with suppress(Exception):
                session.close()
        self.sessions.clear()
        for connection, _ in self._opened.values():
            with suppress(Exception):
                connection.close()
        for record in self._records.values():  # also of pools whose engine never made a Connection
            with suppress(Exception):
                record.invalidate()
        for engine, _ in self.engines.values():
            with suppress(ResourceClosedError):
                engine.dispose(close=False)
        self._records.clear()
        self._opened.clear()
        self._resetting.clear()
        self._raw.clear()
        self.orphans.clear()

    def release(self) -> None:
        """Let go of engines that operations made for themselves."""
        self.engines.clear()


def _stands_alone(sandbox: Sandbox, dbapi_connection: Any) -> bool:
    """No transaction is open, and none will be begun for a write."""
    return sandbox.commits_by_itself(dbapi_connection) and not sandbox.in_transaction(dbapi_connection)


def _engine_for(sandbox: Sandbox, *, asynchronous: bool) -> Engine:
    """An engine of SQLAlchemy's own making for the Sandbox."""
    url = sandbox.url(asynchronous=asynchronous)
    if not asynchronous:
        return create_engine(url)
    from sqlalchemy.ext.asyncio import create_async_engine

    return create_async_engine(url).sync_engine


def _for_a_connection() -> bool:
    """Whether a `Connection` asks the pool, which `engine_connect` will tell of; else it is ``raw_connection()``."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("sqlalchemy."):
        if frame.f_code is Connection.__init__.__code__:
            return True
        frame = frame.f_back
    return False


def _made_by_the_user(creator: Any) -> bool:
    """Whether an engine was given ``creator=`` (``async_creator=``), which no event of SQLAlchemy tells of."""
    return getattr(creator, "__module__", "") != "sqlalchemy.engine.create"


def _defaulted(context: Any) -> frozenset[str]:
    """Columns whose value a callable default gave, as the compiler noted it."""
    compiled = getattr(context, "compiled", None)
    if compiled is None or not (context.isinsert or context.isupdate):
        return frozenset()
    prefetch = compiled.insert_prefetch if context.isinsert else compiled.update_prefetch
    return frozenset(column.name for column in prefetch if column.default is None or not column.default.is_scalar)
