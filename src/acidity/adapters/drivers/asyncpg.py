"""asyncpg: written in Python above its protocol, so its methods are wrapped in place.

Every connection commits by itself unless it is in a transaction, and its transaction blocks send BEGIN, SAVEPOINT and
COMMIT as text over ``Connection.execute``, where they are recognised like any text. It has exceptions of its own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from types import FrameType
from typing import Any

from acidity.adapters.drivers.base import Answer, Arguments, DriverCall, Hooks, Keywords, Methods, Seam, many
from acidity.adapters.drivers.wire import Awaited
from acidity.core.call import Kind
from acidity.engines.own_calls import own_calls, program_calls

_COUNTED = re.compile(r"^[A-Z ]+?(?: \d+)? (\d+)$")
_NUMBERED = re.compile(r"(__asyncpg_[a-z]+)_[0-9a-f]+__")


class _Errors:
    """The names of PEP 249 for what asyncpg raises."""

    def __init__(self, asyncpg: Any) -> None:
        self.Error = (asyncpg.PostgresError, asyncpg.InterfaceError)
        self.OperationalError = asyncpg.InternalServerError
        self.ProgrammingError = asyncpg.PostgresSyntaxError
        self.IntegrityError = asyncpg.UniqueViolationError


class Asyncpg:
    """The driver ``asyncpg``."""

    module = "asyncpg"

    @property
    def errors(self) -> Any:
        """Its exceptions by the names of PEP 249."""
        return _Errors(import_module("asyncpg"))

    def hook(self, seam: Seam, hooks: Hooks) -> None:
        """Wrap connections, prepared statements and cursors."""
        connection = import_module("asyncpg.connection").Connection
        prepared = import_module("asyncpg.prepared_stmt").PreparedStatement
        cursor = import_module("asyncpg.cursor").BaseCursor
        methods = Methods(seam, hooks)
        methods.wrap(connection, "execute fetch fetchval fetchrow", _statement)
        methods.wrap(connection, "executemany fetchmany", many)
        methods.heed(connection, "close terminate")
        methods.wrap(connection, "_copy_in _copy_out", _copying)
        methods.wrap(connection, "copy_records_to_table", _copying_records)
        methods.wrap(prepared, "fetch fetchval fetchrow", _prepared, _connection)
        methods.wrap(prepared, "executemany fetchmany", _prepared_many, _connection)
        methods.wrap(cursor, "_bind _bind_exec", _opened, _connection)
        hooks.put(connection, "reset", _unseen(connection.reset))
        self._hook_connect(seam, hooks)

    def _hook_connect(self, seam: Seam, hooks: Hooks) -> None:
        utils = import_module("asyncpg.connect_utils")
        original = utils._connect_addr

        async def connect(*, addr: Any, params: Any, **keywords: Any) -> Any:
            from sqlalchemy.util import greenlet_spawn

            host, port = addr if isinstance(addr, tuple) else (addr, "")
            where = {"host": host, "port": port, "database": params.database}
            with (
                program_calls() if _for_a_pool() else nullcontext(),
                seam.opening(self, "postgresql", (), where) as opening,
            ):
                if opening.ours and (detour := opening.detour):
                    addr = (host, detour)
                connection = await original(addr=addr, params=params, **keywords)
                try:
                    await greenlet_spawn(opening.take_in, connection)
                except BaseException:  # a task of a pool, say, that is cancelled at the end
                    connection.terminate()
                    raise
                return connection

        hooks.put(utils, "_connect_addr", connect)

    def connect(self, dsn: Any, *, asynchronous: bool) -> Any:
        """``asyncpg.connect(url)``."""
        del asynchronous
        return import_module("asyncpg").connect(dsn)

    def handle(self, connection: Any) -> Any:
        """A face with plain calls, as a `Sandbox` cannot await."""
        return Awaited(self, connection)

    def autocommits(self, connection: Any, sql: str) -> bool:
        """Outside a transaction every write is committed by itself."""
        del sql
        return not connection.is_in_transaction()

    def gone(self, connection: Any, error: BaseException) -> bool:
        """Whether the connection is closed, whatever the error says."""
        del error
        return connection is None or bool(connection.is_closed())

    def answer(self, call: DriverCall, given: Any) -> Answer:
        """What the method gave: Records, one Record or one value of it; else the words of the server, ``UPDATE 1``."""
        del call
        if isinstance(given, str) and (count := _COUNTED.search(given)):
            return None, int(count[1])
        rows = given if isinstance(given, list) else [given]
        return rows, len(rows)

    # As `Awaited` needs it

    async def ask(self, connection: Any, sql: str) -> list[Any]:
        """Send a statement by itself, as only that gives rows; its rows."""
        rows: list[Any] = await connection.fetch(sql)
        return rows

    async def close(self, connection: Any) -> None:
        """At once; a polite close would wait for a statement that was cancelled."""
        connection.terminate()

    def autocommit(self, connection: Any) -> bool:
        """Always: a connection of asyncpg commits by itself outside its transaction blocks."""
        del connection
        return True


def _for_a_pool() -> bool:
    """Whether a pool of asyncpg asks for the connection; acidity has none.

    It may do so in a task of its own, which it has started where acidity closed or cut a connection of it, and whose
    context is a copy of that one.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") != "asyncpg.pool":
        frame = frame.f_back
    return frame is not None


def _connection(resource: Any) -> Any:
    return resource._connection


def _statement(_: Any, query: str, *parameters: Any, **__: Any) -> DriverCall:
    """Parameters are arguments here, not one collection; the driver numbers its savepoints throughout the process."""
    return DriverCall(None, _NUMBERED.sub(r"\1", query), parameters or None, rewrite=_rewrite)


def _rewrite(_: Arguments, keywords: Keywords, sql: str, params: Any) -> tuple[Arguments, Keywords]:
    return (sql, *(params or ())), keywords


def _prepared(self: Any, *parameters: Any, **__: Any) -> DriverCall:
    return DriverCall(Kind.STATEMENT, self._query, parameters or None)


def _prepared_many(self: Any, parameters: Any, **__: Any) -> DriverCall:
    return DriverCall(Kind.STATEMENT, self._query, parameters, many=True)


def _opened(self: Any, *_: Any) -> DriverCall:
    return DriverCall(Kind.STATEMENT, self._query, self._args or None)


def _copying(_: Any, statement: str, *__: Any) -> DriverCall:
    return DriverCall(Kind.STATEMENT, statement)


def _copying_records(
    _: Any, table_name: str, *, columns: Any = None, schema_name: str | None = None, **__: Any
) -> DriverCall:
    """The text that it makes of them itself, as far as it says what is done."""
    table = ".".join(map(_quoted, filter(None, (schema_name, table_name))))
    named = f"({', '.join(map(_quoted, columns))})" if columns else ""
    return DriverCall(Kind.STATEMENT, f"COPY {table}{named} FROM STDIN")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _unseen(original: Callable[..., Any]) -> Any:
    """What a pool does with a connection that comes back is none of the operation's Calls."""

    async def reset(self: Any, **keywords: Any) -> None:
        with own_calls():
            await original(self, **keywords)

    return reset


DRIVER = Asyncpg()
