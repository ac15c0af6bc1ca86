"""Sessions of PostgreSQL that go on from one run to the next, under connections that are made anew.

A new session costs the server a process, and every first statement in it a look at an empty cache: more than half of
what a short run costs. What a run left at rest, having only read and written rows, keeps nothing in its session that
``DISCARD ALL`` does not take away. So its wire (libpq's connection) is put below a new connection of psycopg. The old
one is closed, as far as anybody can tell who still has it; and a wire that somebody else than its connection has hold
of, such as a cursor that was kept, is not used again.

Never kept are sessions that were sent a signal, that went through the proxy, or of a schema that can do something to
its session unseen (`is_plain`).
"""

from __future__ import annotations

import gc
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from acidity.core.variable import context_variable
from acidity.engines.hosted_database import Catalogue
from acidity.engines.own_calls import own_calls

GIVEN: ContextVar[Any] = context_variable("acidity_given", None)
"""The connection that psycopg's ``connect`` is to give instead of opening one; whoever has hooked it asks for it."""

_OF_PSYCOPG = {"autocommit", "prepare_threshold", "context", "row_factory", "cursor_factory"}  # of no concern to a wire
_OPEN, _IDLE, _ACTIVE, _DONE = 0, 0, 1, 1  # CONNECTION_OK, PQTRANS_IDLE, PQTRANS_ACTIVE, PGRES_COMMAND_OK
_CODE = {"function", "trigger", "rule"}
# What no DISCARD takes back: a setting with a dot in its name is there from then on, and a seed goes on.
_LASTS = re.compile(r"\b(set_config|setseed)\b", re.IGNORECASE)
_HARMLESS = "plpgsql"  # the extension that every database has


def is_plain(catalogue: Catalogue) -> bool:
    """Whether nothing that DDL has made can leave anything in a session that writes rows."""
    return not any(
        kind in _CODE or (kind == "extension" and name != _HARMLESS) or _LASTS.search(definition)
        for kind, name, definition in catalogue
    )


class Wires:
    """Those of one Sandbox.

    Attributes:
        signalled: the server's numbers of sessions to which a signal was sent; it may arrive late.
    """

    def __init__(self) -> None:
        self.signalled: set[int] = set()
        self._dialled: dict[int, tuple[Any, dict[str, Any]]] = {}
        self._kept: list[tuple[Any, dict[str, Any]]] = []
        self._may: Callable[[], bool] = lambda: False
        self._dead: Any = None
        self._turn = threading.Lock()  # two actors may dial at once

    def dial(self, dialect: Any, positional: list[Any], arguments: dict[str, Any]) -> Any:
        """A connection of the dialect: on a kept wire if there is one and it may be used, else on a new one."""
        given = self._take(arguments) if dialect.driver == "psycopg" and not dialect.is_async else None
        token = GIVEN.set(given)
        try:
            connection = dialect.connect(*positional, **arguments)
        finally:
            GIVEN.reset(token)
        if given is not None and connection is not given:
            given.close()
        self._dialled[id(connection)] = connection, _of_libpq(arguments)
        return connection

    @contextmanager
    def lending(self, may: Callable[[], bool]) -> Iterator[None]:
        """What is kept may be used in this context whenever `may` says so; the rest is closed at its end."""
        self._dialled.clear()
        self._may = may
        try:
            yield
        finally:
            self._may = lambda: False
            self.close()

    def keep(self, opened: Iterable[Any]) -> None:
        """Keep the wires of these connections, as far as that can be done; the connections are closed."""
        self.close()
        for connection in opened:
            _, arguments = self._dialled.get(id(connection), (None, None))
            if arguments is not None and self._can_go_on(connection):
                self._kept.append((self._moved(connection), arguments))

    def close(self) -> None:
        """Close what is kept."""
        while self._kept:
            self._close(self._kept.pop()[0])

    def _take(self, arguments: dict[str, Any]) -> Any:
        """A kept connection that was dialled like this, as good as new; its server has just said so."""
        if not self._kept or not self._may():
            return None
        wanted = _of_libpq(arguments)
        with self._turn:
            found = next((kept for kept in self._kept if kept[1] == wanted), None)
            if found is None:
                return None
            self._kept.remove(found)
        if _is_discarded(found[0].pgconn):
            return found[0]
        self._close(found[0])
        return None

    def _can_go_on(self, connection: Any) -> bool:
        import psycopg

        if type(connection) is not psycopg.Connection or connection.closed:
            return False
        if not _has_it_alone(connection):
            gc.collect(0)  # an error that was caught goes round with the cursors in its traceback
        if not _is_fit(connection.pgconn) or connection.pgconn.backend_pid in self.signalled:
            return False
        return _has_it_alone(connection)

    def _moved(self, old: Any) -> Any:
        """A new connection on the wire of an old one, which is closed from now on."""
        import psycopg

        with own_calls():
            if self._dead is None:
                self._dead = psycopg.pq.PGconn.connect_start(b"host=/ dbname=none")
                self._dead.finish()
            wire, old.pgconn = old.pgconn, self._dead
            old.close()
            return psycopg.Connection(wire)

    def _close(self, connection: Any) -> None:
        with suppress(Exception), own_calls():
            connection.close()


class _Alone:
    """Has what nobody else has, in the way a connection has its wire."""

    def __init__(self) -> None:
        self.pgconn = object()


_ALONE = _Alone()


def _has_it_alone(connection: Any) -> bool:
    """Whether nobody but the connection refers to its wire."""
    return sys.getrefcount(connection.pgconn) == sys.getrefcount(_ALONE.pgconn)


def _is_fit(wire: Any) -> bool:
    return (wire.status, wire.transaction_status, wire.pipeline_status) == (_OPEN, _IDLE, 0)


def _is_discarded(wire: Any) -> bool:
    """Let the server forget all that the session remembers; False where it does not answer so."""
    try:
        return bool(wire.exec_(b"DISCARD ALL").status == _DONE and wire.transaction_status == _IDLE)
    except Exception:  # of psycopg; the session has ended
        return False


def is_undone(connection: Any) -> bool:
    """Let the server undo and forget what a connection of acidity's own has done; False where it did not say so."""
    try:
        wire = connection.pgconn
        state = wire.transaction_status
        if state == _ACTIVE:  # somebody has been interrupted while he waited for an answer that may never come
            return False
        undone = state == _IDLE or wire.exec_(b"ROLLBACK").status == _DONE
    except Exception:  # of psycopg; the session has ended
        return False
    return undone and _is_discarded(wire)


def _of_libpq(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in _OF_PSYCOPG}
