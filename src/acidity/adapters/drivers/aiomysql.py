"""aiomysql: PyMySQL's classes written anew for asyncio; wrapped in place."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from acidity.adapters.drivers.base import Answer, DriverCall, Hooks, Methods, Seam, control, many, procedure, statement
from acidity.adapters.drivers.mysql import autocommitting, gone, hook_ping_async, rows_held
from acidity.adapters.drivers.streaming import keep_what_is_fetched
from acidity.adapters.drivers.wire import Awaited
from acidity.core.call import Kind


class Aiomysql:
    """The driver ``aiomysql``."""

    module = "aiomysql"

    @property
    def errors(self) -> Any:
        """The module, which holds the exception classes of PEP 249."""
        return import_module("aiomysql")

    def hook(self, seam: Seam, hooks: Hooks) -> None:
        """Wrap connections and cursors."""
        connection = import_module("aiomysql.connection").Connection
        cursor = import_module("aiomysql.cursors").Cursor
        methods = Methods(seam, hooks)
        methods.wrap(connection, "begin", control(Kind.BEGIN))
        methods.wrap(connection, "commit", control(Kind.COMMIT))
        methods.wrap(connection, "rollback", control(Kind.ROLLBACK))
        methods.wrap(connection, "autocommit", autocommitting(_in_transaction))
        methods.wrap(connection, "query", statement)
        methods.heed(connection, "close ensure_closed")
        hook_ping_async(connection, seam, hooks)
        methods.wrap(cursor, "execute", statement, _connection)
        methods.wrap(cursor, "executemany", many, _connection)
        methods.wrap(cursor, "callproc", procedure, _connection)
        keep_what_is_fetched(hooks, import_module("aiomysql.cursors").SSCursor)
        original = connection._connect

        async def connect(self: Any) -> None:
            from sqlalchemy.util import greenlet_spawn

            where = {"host": "" if self._unix_socket else self._host, "port": self._port, "database": self._db}
            with seam.opening(DRIVER, "mysql", (), where) as opening:
                port = self._port
                try:
                    self._port = (opening.ours and opening.detour) or port
                    await original(self)
                finally:
                    self._port = port
                await greenlet_spawn(opening.take_in, self)

        hooks.put(connection, "_connect", connect)

    def connect(self, dsn: Any, *, asynchronous: bool) -> Any:
        """``aiomysql.connect(host=…, …)``."""
        del asynchronous
        return import_module("aiomysql").connect(**dsn)

    def handle(self, connection: Any) -> Any:
        """A face with plain calls, as a `Sandbox` cannot await."""
        return Awaited(self, connection)

    def autocommits(self, connection: Any, sql: str) -> bool:
        """Whether autocommit is on and no transaction is open."""
        del sql
        return bool(connection.get_autocommit()) and not _in_transaction(connection)

    def gone(self, connection: Any, error: BaseException) -> bool:
        """Whether the connection is closed, or the error says that it is gone."""
        return connection is None or bool(connection.closed) or gone(error)

    def answer(self, call: DriverCall, given: Any) -> Answer:
        """The driver holds all rows at once, unless its cursor is one that streams."""
        del given
        return rows_held(call.subject)

    # As `Awaited` needs it

    async def ask(self, connection: Any, sql: str) -> list[Any]:
        """Send a statement on a plain cursor; its rows."""
        cursor = await connection.cursor(import_module("aiomysql.cursors").Cursor)
        await cursor.execute(sql)
        rows = list(await cursor.fetchall()) if cursor.description else []
        await cursor.close()
        return rows

    async def close(self, connection: Any) -> None:
        """Close it at once; a polite close would wait for the server."""
        connection.close()

    def autocommit(self, connection: Any) -> bool:
        """What the server last told the driver."""
        return bool(connection.get_autocommit())


def _connection(cursor: Any) -> Any:
    return cursor._connection


def _in_transaction(connection: Any) -> bool:
    return bool(connection.get_transaction_status())


DRIVER = Aiomysql()
