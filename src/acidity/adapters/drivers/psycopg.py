"""psycopg 3, sync and async: its classes are written in Python, so their methods are wrapped in place.

``connect`` is often imported by name (``from psycopg import connect``), so the step below it is hooked for
plain connections.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from importlib import import_module
from inspect import isawaitable
from itertools import chain
from typing import Any

from acidity.adapters.drivers.base import Answer, DriverCall, Hooks, Methods, Seam, control, many, statement
from acidity.adapters.drivers.psycopg_blocks import hook_blocks, hook_blocks_async
from acidity.adapters.drivers.streaming import keep_what_is_fetched, streamed
from acidity.adapters.drivers.subclasses import standing_for
from acidity.adapters.drivers.wire import Awaited
from acidity.core.call import Kind
from acidity.engines.postgresql.wires import GIVEN

_IDLE = 0
_END = object()


class Psycopg:
    """The driver ``psycopg``."""

    module = "psycopg"

    @property
    def errors(self) -> Any:
        """The module, which holds the exception classes of PEP 249."""
        return import_module("psycopg")

    def hook(self, seam: Seam, hooks: Hooks) -> None:
        """Wrap connections, cursors and transaction blocks of both kinds."""
        psycopg = import_module("psycopg")
        methods = Methods(seam, hooks)
        for prefix in ("", "Async"):
            connection = getattr(psycopg, f"{prefix}Connection")
            methods.wrap(connection, "commit tpc_commit", control(Kind.COMMIT))
            methods.wrap(connection, "rollback tpc_rollback", control(Kind.ROLLBACK))
            methods.wrap(connection, "tpc_prepare", control(Kind.PREPARE))
            methods.heed(connection)
            hooks.put(connection, "pipeline", _pipeline(seam, connection.pipeline))
            for cursor in (getattr(psycopg, f"{prefix}Cursor"), getattr(psycopg, f"{prefix}ServerCursor")):
                methods.wrap(cursor, "execute", statement, _connection)
                methods.wrap(cursor, "executemany", many, _connection)
        keep_what_is_fetched(hooks, psycopg.ServerCursor, psycopg.AsyncServerCursor)
        hooks.put(psycopg.Cursor, "copy", _copy(seam, psycopg.Cursor.copy))
        hooks.put(psycopg.Cursor, "stream", _stream(seam, psycopg.Cursor.stream))
        hooks.put(psycopg.AsyncCursor, "copy", _copy_async(seam, psycopg.AsyncCursor.copy))
        hooks.put(psycopg.AsyncCursor, "stream", _stream_async(seam, psycopg.AsyncCursor.stream))
        hook_blocks(psycopg.Transaction, seam, hooks)
        hook_blocks_async(psycopg.AsyncTransaction, seam, hooks)
        self._hook_connect(psycopg, seam, hooks)

    def _hook_connect(self, psycopg: Any, seam: Seam, hooks: Hooks) -> None:
        connecting = psycopg.Connection._connect_gen.__func__
        connect_async = psycopg.AsyncConnection.connect.__func__

        def connect_gen(cls: Any, /, conninfo: str = "", *arguments: Any, **keywords: Any) -> Any:
            with seam.opening(self, "postgresql", (), _where(psycopg, conninfo)) as opening:
                if opening.ours and (port := opening.detour):
                    conninfo = psycopg.conninfo.make_conninfo(conninfo, port=port)
                connection = GIVEN.get() or (yield from connecting(cls, conninfo, *arguments, **keywords))
                opening.take_in(connection)
                return connection

        async def connect(cls: Any, /, conninfo: str = "", **keywords: Any) -> Any:
            from sqlalchemy.util import greenlet_spawn

            where = {name: value for name, value in keywords.items() if name not in _OPTIONS}
            with seam.opening(self, "postgresql", (), _where(psycopg, conninfo, **where)) as opening:
                if opening.ours and (port := opening.detour):
                    keywords["port"] = port
                connection = await connect_async(cls, conninfo, **keywords)
                await greenlet_spawn(opening.take_in, connection)
                return connection

        _hook_libpq(self, psycopg, seam, hooks)
        hooks.put(psycopg.Connection, "_connect_gen", classmethod(connect_gen))
        hooks.put(psycopg.AsyncConnection, "connect", classmethod(connect))

    def connect(self, dsn: Any, *, asynchronous: bool) -> Any:
        """``psycopg.connect(url)``."""
        psycopg = import_module("psycopg")
        return psycopg.AsyncConnection.connect(dsn) if asynchronous else psycopg.connect(dsn)

    def handle(self, connection: Any) -> Any:
        """The connection itself, or a face of it with plain calls where it awaits."""
        return Awaited(self, connection) if _is_async(connection) else connection

    def autocommits(self, connection: Any, sql: str) -> bool:
        """Whether autocommit is on and no transaction is open."""
        del sql
        return bool(connection.autocommit) and connection.pgconn.transaction_status == _IDLE

    def gone(self, connection: Any, error: BaseException) -> bool:
        """Whether the connection is closed or broken, whatever the error says."""
        del error
        return connection is None or bool(connection.closed or connection.broken)

    def answer(self, call: DriverCall, given: Any) -> Answer:
        """The driver holds all rows unless they stay with the server; they are read, and the cursor is put back."""
        psycopg, cursor = import_module("psycopg"), call.subject
        if given is not cursor:
            return None, None
        if isinstance(cursor, psycopg.ServerCursor | psycopg.AsyncServerCursor):
            return streamed(cursor), None
        rows = None
        if cursor.description:
            rows, _ = _now(cursor.fetchall()), _now(cursor.scroll(0, "absolute")) if cursor.rowcount > 0 else None
        return rows, cursor.rowcount

    # As `Awaited` needs it

    async def ask(self, connection: Any, sql: str) -> list[Any]:
        """Send a statement on a cursor of its own; its rows."""
        async with connection.cursor() as cursor:
            await cursor.execute(sql)
            return list(await cursor.fetchall()) if cursor.description else []

    async def close(self, connection: Any) -> None:
        """Close the connection and say goodbye to the server."""
        await connection.close()

    def autocommit(self, connection: Any) -> bool:
        """What the attribute of that name says."""
        return bool(connection.autocommit)


_OPTIONS = {"autocommit", "prepare_threshold", "context", "row_factory", "cursor_factory"}


def _now(given: Any) -> Any:
    """What a method gave, of either kind of cursor."""
    if not isawaitable(given):
        return given
    from sqlalchemy.util import await_only

    return await_only(given)


def _is_async(connection: Any) -> bool:
    return isinstance(connection, import_module("psycopg").AsyncConnection)


def _pipeline(seam: Seam, original: Any) -> Any:
    """A Call has its answer when the next one is made, and not in its pipeline: nothing can be struck at it there."""

    def pipeline(self: Any) -> Any:
        if seam.wire_if_ours(self) is not None:  # not where `executemany` uses one
            seam.refuse("calls are sent in psycopg's pipeline mode, where their answers come later")
        return original(self)

    return pipeline


def _connection(cursor: Any) -> Any:
    return cursor._conn


def _where(psycopg: Any, conninfo: str, **keywords: Any) -> dict[str, Any]:
    """Host, port and database that these arguments lead to."""
    where: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(conninfo, **keywords)
    where.setdefault("host", where.get("hostaddr"))
    return where


def _hook_libpq(driver: Psycopg, psycopg: Any, seam: Seam, hooks: Hooks) -> None:
    """``PGconn``, which is below the driver's own connections and may be written in C, opens some by itself."""
    original = psycopg.pq.PGconn

    def opening_by(name: str) -> Any:
        opens = getattr(original, name)

        def connect(_: Any, conninfo: bytes) -> Any:
            where = _where(psycopg, bytes(conninfo).decode())
            with seam.opening(driver, "postgresql", (), where) as opening:
                if opening.ours:
                    seam.refuse("a bare PGconn of psycopg was opened, whose statements acidity does not see")
                return opens(conninfo)

        return classmethod(connect)

    guard = standing_for(original, connect=opening_by("connect"), connect_start=opening_by("connect_start"))
    hooks.put_everywhere(original, guard)


# Statements that last longer than a call


def _copy(seam: Seam, original: Any) -> Any:
    @contextmanager
    def copy(self: Any, *arguments: Any, **keywords: Any) -> Iterator[Any]:
        wire = seam.wire_if_ours(self._conn)
        with ExitStack() as stack:

            def enter(*given: Any, **named: Any) -> Any:
                return stack.enter_context(original(self, *given, **named))

            if wire is None:
                yield enter(*arguments, **keywords)
            else:
                call = statement(self, *arguments, **keywords).made(self, arguments, keywords)
                yield seam.bring(wire, call, enter)

    return copy


def _copy_async(seam: Seam, original: Any) -> Any:
    @asynccontextmanager
    async def copy(self: Any, *arguments: Any, **keywords: Any) -> Any:
        wire = seam.wire_if_ours(self._conn)
        async with AsyncExitStack() as stack:

            async def enter(*given: Any, **named: Any) -> Any:
                return await stack.enter_async_context(original(self, *given, **named))

            if wire is None:
                yield await enter(*arguments, **keywords)
            else:
                call = statement(self, *arguments, **keywords).made(self, arguments, keywords)
                yield await seam.bring_async(wire, call, enter)

    return copy


def _stream(seam: Seam, original: Any) -> Any:
    """The first row is asked for with the statement; where an error takes its place, the others are read all the same.

    The driver's generator holds the lock of its connection until it has ended, which an error of the server lets it do.
    """

    def stream(self: Any, *arguments: Any, **keywords: Any) -> Iterator[Any]:
        wire = seam.wire_if_ours(self._conn)
        if wire is None:
            yield from original(self, *arguments, **keywords)
            return
        begun: list[Iterator[Any]] = []

        def begin(*given: Any, **named: Any) -> Any:
            begun.append(original(self, *given, **named))
            return next(begun[-1], _END), begun[-1]

        call = statement(self, *arguments, **keywords).made(self, arguments, keywords)
        try:
            first, rows = seam.bring(wire, call, begin)
        except BaseException:
            with suppress(Exception):  # of the driver; the connection may be gone
                deque(chain(*begun), maxlen=0)
            raise
        if first is not _END:
            yield first
            yield from rows

    return stream


def _stream_async(seam: Seam, original: Any) -> Any:
    async def stream(self: Any, *arguments: Any, **keywords: Any) -> Any:
        wire = seam.wire_if_ours(self._conn)
        if wire is None:
            async for row in original(self, *arguments, **keywords):
                yield row
            return
        begun: list[Any] = []

        async def begin(*given: Any, **named: Any) -> Any:
            begun.append(original(self, *given, **named))
            return await anext(begun[-1], _END), begun[-1]

        call = statement(self, *arguments, **keywords).made(self, arguments, keywords)
        try:
            first, rows = await seam.bring_async(wire, call, begin)
        except BaseException:
            with suppress(Exception):
                for each in begun:
                    [_ async for _ in each]
            raise
        if first is not _END:
            yield first
            async for row in rows:
                yield row

    return stream


DRIVER = Psycopg()
