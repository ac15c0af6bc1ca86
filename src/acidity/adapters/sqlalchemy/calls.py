"""Where SQLAlchemy hands over to the driver: these methods of a dialect's instance become Calls.

Dialect probes, the pool's own reset and what belongs to a Call already (the statements of a two-phase COMMIT) pass as
they are.
"""

from __future__ import annotations

import threading
from asyncio import CancelledError
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from sqlalchemy.engine import Connection, Dialect

from acidity.adapters.base import Gatekeeper, leads_elsewhere, of_nobody
from acidity.adapters.behind import pooled_connection_of
from acidity.adapters.drivers.base import DriverCall
from acidity.adapters.meaning import asked
from acidity.adapters.recording import RecordingCursor, rowcount_of
from acidity.adapters.seam import ACTOR, Actor, PendingCall, current_actor, request
from acidity.adapters.site import find_place
from acidity.adapters.sqlalchemy import private
from acidity.adapters.sqlalchemy.known import Known, KnownConnection
from acidity.core.call import Kind
from acidity.core.row import Fetched
from acidity.engines.own_calls import OWN, own_calls
from acidity.engines.sqlite.bypass import files_in

_EXECUTES = ("do_execute", "do_executemany", "do_execute_no_params")
_TWO_PHASE = {
    "do_prepare_twophase": Kind.PREPARE,
    "do_commit_twophase": Kind.COMMIT,
    "do_rollback_twophase": Kind.ROLLBACK,
}
_WRAPPED = (*_EXECUTES, "do_commit", "do_rollback", "set_isolation_level", *_TWO_PHASE)


class Switchboard(Protocol):
    """The adapter, as far as a Call needs it.

    Attributes:
        gatekeeper: decides where connections may lead.
        armed: an operation runs.
        orphans: Calls of nobody, in words.
        known: what is known of connections and dialects.
    """

    gatekeeper: Gatekeeper
    armed: bool
    orphans: list[str]
    known: Known

    def refuse(self, what: str, remedy: str) -> None:
        """Refuse what leads to another database.

        Raises:
            ForeignDatabase: always.
        """


class Calls:
    """Wraps dialects.

    Args:
        board: the adapter.
    """

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._gatekeeper = board.gatekeeper
        self._known = board.known
        self._connections = board.known.connections
        self._wrapping = threading.Lock()  # two actors may open their first connections at once

    def wrap(self, dialect: Dialect) -> None:
        """Let the calls of this dialect pass the seam, if they do not already."""
        with self._wrapping:
            known = self._known.dialect(dialect)
            if known.is_wrapped:
                return
            known.is_wrapped = True
            methods = {name: self._executing(dialect, getattr(dialect, name)) for name in _EXECUTES}
            methods["do_commit"] = self._ending(dialect, dialect.do_commit, Kind.COMMIT)
            methods["do_rollback"] = self._ending(dialect, dialect.do_rollback, Kind.ROLLBACK)
            for name, kind in _TWO_PHASE.items():
                methods[name] = self._two_phase(dialect, getattr(dialect, name), kind)
            methods["set_isolation_level"] = _as_our_own(dialect.set_isolation_level)  # over a cursor of its own
            dialect.__dict__.update(methods)

    def unwrap(self) -> None:
        """Take it back from every dialect."""
        for known in self._known.dialects.values():
            for name in _WRAPPED if known.is_wrapped else ():
                known.dialect.__dict__.pop(name, None)
            known.is_wrapped = False

    def _executing(self, dialect: Dialect, original: Callable[..., Any]) -> Callable[..., Any]:
        many = original.__name__ == "do_executemany"
        plain = dialect.do_execute

        def execute(cursor: Any, statement: str, *rest: Any, **keywords: Any) -> None:
            context = keywords.get("context") or (rest[-1] if rest else None)
            root = getattr(context, "root_connection", None)
            if root is None or not private.serves_programs(root) or OWN.get():
                original(cursor, statement, *rest, **keywords)
                return
            has_params = len(rest) > 1
            params = rest[0] if has_params else None

            def send(pending: PendingCall) -> None:
                if pending.sql is statement and pending.params is params:
                    original(cursor, statement, *rest, **keywords)
                elif has_params:
                    original(cursor, pending.sql, pending.params, context)
                elif pending.params is None:
                    original(cursor, pending.sql, context)
                else:
                    plain(cursor, pending.sql, pending.params, context)
                if pending.records:
                    _record(pending, cursor, context)

            actor = self._actor(Kind.STATEMENT)
            dbapi_connection = pooled_connection_of(root).dbapi_connection
            known = self._connections.get(id(dbapi_connection)) or self._known.leading(dialect, dbapi_connection)
            where = leads_elsewhere(self._gatekeeper, known.sandbox, statement) if files_in(statement) else ""
            if where and self._board.armed:
                self._board.refuse(f"a statement of the operation leads to {where}", "it was not sent.")
            if actor is None:
                with own_calls():
                    original(cursor, statement, *rest, **keywords)
                return
            if dialect.name == "sqlite" and _asks_for_a_lock(context):
                actor.unlocked.add(actor.made + 1)
            self._bring(actor, known, None, send, statement, params, many, _defaulted(context))

        return execute

    def _ending(self, dialect: Dialect, original: Callable[..., Any], kind: Kind) -> Callable[..., Any]:
        def end(connection: Any) -> None:
            if OWN.get():
                original(connection)
                return
            dbapi_connection = getattr(connection, "dbapi_connection", connection)
            known = self._known.leading(dialect, dbapi_connection)
            if id(dbapi_connection) in self._known.resetting:
                self._known.resetting.discard(id(dbapi_connection))
                actor = current_actor()
                if actor is None or not actor.interceptor.keeps_open(known):
                    with own_calls():
                        original(connection)
                    if actor is not None:
                        actor.was_reset(known)
                return

            def send(pending: PendingCall) -> None:
                pending.refuse_rewriting()
                original(connection)

            actor = self._actor(kind)
            if actor is None:
                with own_calls():
                    original(connection)
                return
            if kind is Kind.ROLLBACK and not private.is_asked_to_roll_back() and not actor.gives_up(known):
                actor.unasked.add(actor.made + 1)
            self._bring(actor, known, kind, send)

        return end

    def _two_phase(self, dialect: Dialect, original: Callable[..., Any], kind: Kind) -> Callable[..., Any]:
        def end(connection: Connection, xid: Any, *rest: Any, **keywords: Any) -> None:
            def send(pending: PendingCall) -> None:
                pending.refuse_rewriting()
                original(connection, xid, *rest, **keywords)

            actor = None if OWN.get() else self._actor(kind)
            if actor is None:
                with own_calls():
                    original(connection, xid, *rest, **keywords)
                return
            known = self._known.leading(dialect, pooled_connection_of(connection).dbapi_connection)
            self._bring(actor, known, kind, send, f"{kind.value} {xid}")

        return end

    def _actor(self, kind: Kind) -> Actor | None:
        """Who makes this Call; a Call of nobody is noted."""
        actor = ACTOR.get()
        if actor is not None and not actor.over:
            return actor
        if self._board.armed:
            self._board.orphans.append(of_nobody(kind.value))
        return None

    def _bring(
        self,
        actor: Actor,
        known: KnownConnection,
        kind: Kind | None,
        send: Callable[[PendingCall], Any],
        sql: str = "",
        params: Any = None,
        many: bool = False,  # noqa: FBT001, FBT002 - for every Call
        defaulted: frozenset[str] = frozenset(),
    ) -> None:
        meant = asked(known, DriverCall(kind, sql, params, many), alone=partial(known.autocommits, sql))
        try:
            request(
                actor,
                meant.kind,
                sql,
                params,
                wire=known,
                place=find_place(),
                send=send,
                many=many,
                defaulted=defaulted,
                autocommit=meant.autocommit,
                writes=meant.writes,
                opaque=meant.opaque,
                schema=meant.schema,
            )
        except CancelledError:
            known.sandbox.drain(known.connection)
            raise


def _asks_for_a_lock(context: Any) -> bool:
    """Whether ``with_for_update()`` has made the statement."""
    return getattr(getattr(context, "invoked_statement", None), private.FOR_UPDATE, None) is not None


def _as_our_own(original: Callable[..., Any]) -> Callable[..., Any]:
    def method(*arguments: Any) -> Any:
        with own_calls():
            return original(*arguments)

    return method


def _record(pending: PendingCall, cursor: Any, context: Any) -> None:
    """Keep the row count, and have SQLAlchemy fetch through a cursor that keeps the rows."""
    pending.rowcount = rowcount_of(cursor)
    if cursor.description is not None:
        rows = Fetched()
        pending.rows = rows
        context.cursor = RecordingCursor(cursor, rows)
        private.record_returned(context, rows)


def _defaulted(context: Any) -> frozenset[str]:
    """Columns whose value a callable default gave, as the compiler noted it."""
    compiled = getattr(context, "compiled", None)
    if compiled is None or not (context.isinsert or context.isupdate):
        return frozenset()
    prefetch = compiled.insert_prefetch if context.isinsert else compiled.update_prefetch
    return frozenset(column.name for column in prefetch if column.default is None or not column.default.is_scalar)
