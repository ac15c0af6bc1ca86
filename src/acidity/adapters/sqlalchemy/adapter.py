"""Which connections and engines of SQLAlchemy belong to the check: events tell, `known` remembers, `forget` closes."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool, QueuePool, SingletonThreadPool, StaticPool

from acidity.adapters.base import Gatekeeper, describe_target, destination
from acidity.adapters.behind import pooled_connection_of
from acidity.adapters.closing import Closings
from acidity.adapters.seam import current_actor
from acidity.adapters.sqlalchemy import private
from acidity.adapters.sqlalchemy.calls import Calls
from acidity.adapters.sqlalchemy.known import Known
from acidity.engines.base import Sandbox
from acidity.engines.own_calls import JUDGES, OWN
from acidity.engines.own_listeners import OWN_LISTENERS
from acidity.errors import ForeignDatabase

_REMEDY = (
    'Redirect a module-level engine with bind="module:engine", or let the operation take a session, engine or url as '
    "its first parameter."
)
# How many listeners are those of the adapters: of this one, and of `beforehand`, which is installed where this one is.
_HEARD = Counter(
    ("do_connect", "engine_connect", "checkout", "reset", "before_cursor_execute", "commit", "commit_twophase")
)
_KEPT = 2  # engines that lead to one database, a plain one and one for coroutines, say
_RAW = "a raw driver connection was taken from the pool (raw_connection)"


class SqlAlchemyAdapter:
    """Brings the calls of every SQLAlchemy engine to the seam while it is installed.

    Args:
        gatekeeper: decides where engines may connect to.
    """

    def __init__(self, gatekeeper: Gatekeeper) -> None:
        self.gatekeeper = gatekeeper
        self.armed = False
        self.engines: dict[int, tuple[Engine, Sandbox]] = {}
        self.orphans: list[str] = []
        self.sessions: weakref.WeakSet[Session] = weakref.WeakSet()
        self.known = Known()
        self._calls = Calls(self)
        self._closings = Closings()
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
        self._closings.hear()

    def remove(self) -> None:
        """Take back every hook."""
        for target, name, listener in self._listeners:
            event.remove(target, name, listener)
        self._closings.stop()
        self._calls.unwrap()

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
        known = self.known.dialect(engine.dialect)
        known.redirected_to = sandbox
        try:
            yield
        finally:
            known.redirected_to = None
            engine.pool.dispose()
            engine.pool, engine.dialect, engine.url = old

    def _redirected_pool(self, engine: Engine, sandbox: Sandbox) -> Pool:
        old = engine.pool
        memory = isinstance(old, SingletonThreadPool | StaticPool) and sandbox.in_memory(engine.url)
        pool = self._file_pool(old) if memory else old.recreate()
        if private.is_made_by_the_user(private.creator_of(old)):
            dialect = engine.dialect
            private.create_with(pool, lambda: self._admit(dialect, sandbox, sandbox.connect(dialect, {})))
        return pool

    def _file_pool(self, old: Pool) -> Pool:
        """An in-memory database has one connection; the file that stands in for it has an ordinary pool."""
        pool_class: type[Pool] = QueuePool
        if private.dialect_of(old).is_async:
            from sqlalchemy.pool import AsyncAdaptedQueuePool

            pool_class = AsyncAdaptedQueuePool
        return private.pool_like(pool_class, old)

    # What the events tell

    def _on_do_connect(self, dialect: Dialect, _record: Any, cargs: list[Any], cparams: dict[str, Any]) -> Any:
        known = self.known.dialects.get(id(dialect))
        if known is not None and known.redirected_to is not None:
            return self._admit(dialect, known.redirected_to, known.redirected_to.connect(dialect, cparams))
        judges = JUDGES.get()
        if OWN.get() and (judges is None or id(dialect) in judges):
            return None
        ours = destination(self.gatekeeper, dialect.name, cargs, cparams)
        if judges is not None and ours is None:
            where = describe_target(self.gatekeeper, dialect.name, cargs, cparams)
            remedy = "nothing was opened. Let it use what it is given."
            self.refuse(f"an engine of an invariant points at {where}", remedy)
        if ours is not None:
            return self._admit(dialect, ours, ours.open(dialect, cargs, cparams))
        if self.armed and current_actor() is not None:
            where = describe_target(self.gatekeeper, dialect.name, cargs, cparams)
            self.refuse(f"an engine inside the operation points at {where}", f"nothing was opened. {_REMEDY}")
        return None

    def _admit(self, dialect: Dialect, sandbox: Sandbox, connection: Any) -> Any:
        self.known.add(sandbox, dialect, connection)
        sandbox.claim(connection)
        sandbox.configure(connection)
        return connection

    def refuse(self, what: str, remedy: str) -> NoReturn:
        """Refuse what leads to another database, and note it, should the operation swallow the error."""
        error = ForeignDatabase(f"{what}, a database that acidity did not create; {remedy}")
        self.gatekeeper.refuse(error)
        raise error

    def _on_engine_connect(self, connection: Connection) -> None:
        judges = JUDGES.get()
        if OWN.get() and (judges is None or id(connection.dialect) in judges):
            return
        dbapi_connection = pooled_connection_of(connection).dbapi_connection
        known = self.known.connection(dbapi_connection)
        if known is None and self.known.leads_here(connection.dialect) and not self.armed:
            known = self.known.leading(connection.dialect, dbapi_connection)  # a stranger's, by the engine's creator=
        if known is not None:
            known.raw_by = None
            known.sandbox.in_use(dbapi_connection, in_use=True)
            self.engines.pop(id(connection.engine), None)  # the last ones are those that were used last
            self.engines[id(connection.engine)] = (connection.engine, known.sandbox)
            self._calls.wrap(connection.dialect)
            if connection.dialect.is_async:
                self._closings.hear()
        elif judges is not None or (self.armed and current_actor() is not None):
            where = connection.engine.url.render_as_string()
            connection.close()
            self.refuse(f"an engine inside the operation holds a connection to {where}", f"it was not used. {_REMEDY}")

    def _on_checkout(self, dbapi_connection: Any, record: Any, fairy: Any) -> None:
        self.known.resetting.discard(id(dbapi_connection))
        actor = current_actor()
        if actor is None or OWN.get():
            return
        known = self.known.connection(dbapi_connection)
        if known is None:
            claimed = (part for part in self.gatekeeper.parts.values() if part.claim(dbapi_connection))
            if sandbox := next(claimed, None):  # made by the engine's own creator=
                self._admit(private.dialect_of(private.pool_of(fairy)), sandbox, dbapi_connection)
                known = self.known.connection(dbapi_connection)
        if known is not None:
            renews = private.is_for_a_lost_one()
            known.raw_by, known.pool_record = None if renews else actor, record
            if renews:
                known.sandbox.in_use(dbapi_connection, in_use=True)
        elif self.armed and not private.is_for_a_connection():
            self.refuse("raw_connection() inside the operation leads to", f"it was not used. {_REMEDY}")

    def _on_reset(self, dbapi_connection: Any, _record: Any, _state: Any) -> None:
        self.known.resetting.add(id(dbapi_connection))
        known = self.known.connection(dbapi_connection)
        if known is None:
            return
        known.sandbox.in_use(dbapi_connection, in_use=False)
        if known.raw_by is not None:
            known.raw_by.bypasses.append(_RAW)
            known.raw_by = None

    def _on_session_begin(self, session: Session, _transaction: Any, connection: Connection) -> None:
        if self.known.leads_here(connection.dialect):
            self.sessions.add(session)

    # After a run

    def bypasses(self) -> list[str]:
        """Calls of threads that belong to no operation, and raw connections that were not given back."""
        kept = [known for known in self.known.connections.values() if known.raw_by is not None]
        for known in kept:
            known.raw_by = None
        return [*self.orphans, *(_RAW for _ in kept)]

    def strangers(self, sandbox: Sandbox) -> bool:
        """They use the pools."""
        del sandbox
        return False

    def opened(self, sandbox: Sandbox) -> list[Any]:
        """Every driver connection of the Sandbox that was opened since the last `forget`."""
        return [known.connection for known in self.known.connections.values() if known.sandbox is sandbox]

    def engines_of(self, sandbox: Sandbox) -> list[Engine]:
        """The engines of the run that lead to it."""
        return [engine for engine, its in self.engines.values() if its is sandbox]

    def pooled(self, sandbox: Sandbox) -> int | None:
        """Counted in pools of SQLAlchemy's own kind, each with a connection, none taken and no listener but ours."""
        known = OWN_LISTENERS + _HEARD
        idle: dict[int, int] = {}  # by pool: engines that differ in their options share one
        for engine in self.engines_of(sandbox):
            found = private.idle_unheard(engine, known)
            if found is None:
                return None
            idle[id(engine.pool)] = found
        return sum(idle.values())

    def forget(self) -> None:
        """Close every session, driver connection and pool that the run left; nothing of it may reach the next run."""
        for session in list(self.sessions):
            with suppress(Exception):
                session.close()
        self.sessions.clear()
        connections = list(self.known.connections.values())
        for known in connections:
            known.close()
        for known in connections:  # also of pools whose engine never made a Connection
            if known.pool_record is not None:
                with suppress(Exception):
                    known.pool_record.invalidate()
        for engine, _ in self.engines.values():
            with suppress(ResourceClosedError):
                private.empty(engine)
        self._keep_the_last()
        self.known.forget()
        self.orphans.clear()

    def _keep_the_last(self) -> None:
        """Operations may make an engine for each run; its pool is empty now, and whoever meets the last meets all."""
        seen: Counter[int] = Counter()
        for key, (_, sandbox) in reversed(tuple(self.engines.items())):
            seen[id(sandbox)] += 1
            if seen[id(sandbox)] > _KEPT:
                del self.engines[key]

    def holds(self) -> bool:
        """Its pools open one when they are asked for one, and at no other time."""
        return bool(self.known.connections)

    def release(self) -> None:
        """Let go of engines that operations made for themselves."""
        self.engines.clear()


def _engine_for(sandbox: Sandbox, *, asynchronous: bool) -> Engine:
    """An engine of SQLAlchemy's own making for the Sandbox."""
    url = sandbox.url(asynchronous=asynchronous)
    if not asynchronous:
        return create_engine(url)
    from sqlalchemy.ext.asyncio import create_async_engine

    return create_async_engine(url).sync_engine
