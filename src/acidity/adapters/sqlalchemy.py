"""SQLAlchemy's way through the seam: every engine of the process, sync and async, made before or inside an operation.

How it works: class-level events tell of every new driver connection (``do_connect``) and of every `Connection`
(``engine_connect``); the *instance* of the dialect that shows up is then wrapped where SQLAlchemy hands over to the
driver (``do_execute*``, ``do_commit``, ``do_rollback`` and the two-phase calls). Nothing of the user's code changes,
and `SqlAlchemyAdapter.remove` takes everything back. Dialect probes and the pool's own reset pass unseen.
"""

from __future__ import annotations

import weakref
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import event
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool, QueuePool, SingletonThreadPool, StaticPool

from acidity.adapters.seam import Actor, current_actor, request
from acidity.adapters.site import find_site
from acidity.core.call import Kind
from acidity.core.control import kind_of
from acidity.engines.base import Sandbox
from acidity.errors import ForeignDatabase

_EXECUTES = ("do_execute", "do_executemany", "do_execute_no_params")
_TWO_PHASE = {
    "do_prepare_twophase": Kind.PREPARE,
    "do_commit_twophase": Kind.COMMIT,
    "do_rollback_twophase": Kind.ROLLBACK,
}


class Gatekeeper(Protocol):
    """Who decides where an engine may connect to while an operation runs."""

    sandbox: Sandbox

    def refuse(self, error: ForeignDatabase) -> None:
        """Note that an engine pointed elsewhere, also when the operation swallows the error."""


@dataclass(frozen=True, slots=True)
class DriverWire:
    """The `Wire` of a SQLAlchemy connection."""

    sandbox: Sandbox
    dialect: Dialect
    connection: Any

    @property
    def engine(self) -> str:
        """The name of the database engine."""
        return self.sandbox.engine_name

    @property
    def errors(self) -> Any:
        """The driver's exception classes."""
        return self.dialect.dbapi

    def on_driver(self, action: Callable[[Any], Any]) -> Any:
        """Run `action` with the driver's connection in the thread that the driver demands."""
        return self.sandbox.on_driver(self.connection, action)

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
        self.engines: dict[int, Engine] = {}
        self.orphans: list[str] = []
        self.sessions: weakref.WeakSet[Session] = weakref.WeakSet()
        self._redirected: set[int] = set()
        self._admitted: dict[int, Dialect] = {}
        self._opened: list[Any] = []
        self._wrapped: dict[int, Dialect] = {}
        self._resetting: set[int] = set()
        self._raw: dict[int, Actor] = {}
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
            for name in (*_EXECUTES, "do_commit", "do_rollback", *_TWO_PHASE):
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
    def redirecting(self, engine: Engine) -> Iterator[None]:
        """Point a module-level engine at the Sandbox while the context lasts; its hooks and options stay."""
        old_pool, old_url = engine.pool, engine.url
        memory = isinstance(old_pool, SingletonThreadPool | StaticPool) and self.gatekeeper.sandbox.in_memory(old_url)
        engine.pool = self._file_pool(old_pool) if memory else old_pool.recreate()
        self._redirected.add(id(engine.dialect))
        try:
            yield
        finally:
            self._redirected.discard(id(engine.dialect))
            engine.pool.dispose()
            engine.pool = old_pool

    def _file_pool(self, old: Pool) -> Pool:
        """An in-memory database has one connection; the file that stands in for it has an ordinary pool."""
        pool_class: type[Pool] = QueuePool
        if old._dialect.is_async:
            from sqlalchemy.pool import AsyncAdaptedQueuePool

            pool_class = AsyncAdaptedQueuePool
        return pool_class(old._creator, dialect=old._dialect, _dispatch=old.dispatch)

    # What the events tell

    def _on_do_connect(self, dialect: Dialect, _record: Any, cargs: list[Any], cparams: dict[str, Any]) -> Any:
        sandbox = self.gatekeeper.sandbox
        if self.paused:
            return None
        if id(dialect) in self._redirected:
            connection = sandbox.connect(dialect, cparams)
        elif sandbox.is_target(dialect.name, cargs, cparams):
            connection = dialect.connect(*cargs, **cparams)
        elif self.armed and current_actor() is not None:
            where = sandbox.describe_target(dialect.name, cargs, cparams)
            error = ForeignDatabase(
                f"an engine inside the operation points at {where}, a database that acidity did not create; "
                f'nothing was opened. Redirect a module-level engine with bind="module:engine", or let the '
                f"operation take a session, engine or url as its first parameter."
            )
            self.gatekeeper.refuse(error)
            raise error
        else:
            return None
        self._admitted[id(dialect)] = dialect
        self._opened.append(connection)
        sandbox.configure(connection)
        return connection

    def _on_engine_connect(self, connection: Connection) -> None:
        if self.paused:
            return
        dbapi_connection = connection.connection.dbapi_connection
        self._raw.pop(id(dbapi_connection), None)
        dialect, sandbox = connection.dialect, self.gatekeeper.sandbox
        if sandbox.claim(dbapi_connection):  # made by the engine's own creator=
            self._admitted[id(dialect)] = dialect
            self._opened.append(dbapi_connection)
        if id(dialect) in self._admitted:
            sandbox.in_use(dbapi_connection, in_use=True)
            self.engines[id(connection.engine)] = connection.engine
            if id(dialect) not in self._wrapped:
                self._wrap(dialect)

    def _on_checkout(self, dbapi_connection: Any, _record: Any, _fairy: Any) -> None:
        self._resetting.discard(id(dbapi_connection))
        actor = current_actor()
        if actor is not None and any(dbapi_connection is opened for opened in self._opened):
            self._raw[id(dbapi_connection)] = actor

    def _on_reset(self, dbapi_connection: Any, _record: Any, _state: Any) -> None:
        self._resetting.add(id(dbapi_connection))
        self.gatekeeper.sandbox.in_use(dbapi_connection, in_use=False)
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

    def _execute_through(self, dialect: Dialect, original: Callable[..., Any], *, many: bool) -> Callable[..., Any]:
        def execute(cursor: Any, statement: str, *rest: Any, **keywords: Any) -> None:
            context = keywords.get("context") or (rest[-1] if rest else None)
            root = getattr(context, "root_connection", None)
            if root is None or not root._allow_autobegin:  # a probe of the dialect
                original(cursor, statement, *rest, **keywords)
                return
            self._request(
                dialect,
                kind_of(statement),
                statement,
                rest[0] if len(rest) > 1 else None,
                root.connection.dbapi_connection,
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
                wire = DriverWire(self.gatekeeper.sandbox, dialect, dbapi_connection)
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
        kind: Kind,
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
                self.orphans.append(f"{kind.value} by a thread or task that belongs to no operation")
            self._unseen(perform)
            return
        sandbox = self.gatekeeper.sandbox
        with sandbox.unseen():
            try:
                request(
                    actor,
                    kind,
                    sql,
                    params,
                    wire=DriverWire(sandbox, dialect, dbapi_connection),
                    connection=dbapi_connection,
                    site=find_site(),
                    perform=perform,
                    many=many,
                    defaulted=defaulted,
                )
            except CancelledError:
                sandbox.drain(dbapi_connection)
                raise

    def _unseen(self, perform: Callable[..., None], *arguments: Any) -> None:
        with self.gatekeeper.sandbox.unseen():
            perform(*arguments)

    # After a run

    def raw_checkouts(self) -> list[str]:
        """Raw driver connections that were taken from a pool and not given back."""
        found = ["a raw driver connection was taken from the pool (raw_connection)" for _ in self._raw]
        self._raw.clear()
        return found

    def opened(self) -> list[Any]:
        """Every driver connection of the Sandbox that was opened since the last `forget`."""
        return list(self._opened)

    def forget(self) -> None:
        """Close every session, driver connection and pool that the run left; nothing of it may reach the next run."""
        for session in list(self.sessions):
            with suppress(Exception):
                session.close()
        self.sessions.clear()
        for connection in self._opened:
            with suppress(Exception):
                connection.close()
        for engine in self.engines.values():
            with suppress(ResourceClosedError):
                engine.dispose(close=False)
        self._opened.clear()
        self._resetting.clear()
        self._raw.clear()
        self.orphans.clear()

    def release(self) -> None:
        """Let go of engines that operations made for themselves."""
        self.engines.clear()


def _defaulted(context: Any) -> frozenset[str]:
    """Columns whose value a callable default gave, as the compiler noted it."""
    compiled = getattr(context, "compiled", None)
    if compiled is None or not (context.isinsert or context.isupdate):
        return frozenset()
    prefetch = compiled.insert_prefetch if context.isinsert else compiled.update_prefetch
    return frozenset(column.name for column in prefetch if column.default is None or not column.default.is_scalar)
