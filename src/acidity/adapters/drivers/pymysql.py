"""PyMySQL: written in Python, so its methods are wrapped in place.

``pymysql.connect`` is the class of connections itself, whose method ``connect`` opens them; so it is hooked there, and
works however the class was imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from acidity.adapters.drivers.base import Answer, DriverCall, Hooks, Methods, Seam, control, many, procedure, statement
from acidity.adapters.drivers.mysql import autocommitting, gone, hook_ping, rows_held
from acidity.adapters.drivers.streaming import keep_what_is_fetched
from acidity.core.call import Kind

_IN_TRANSACTION = 1  # SERVER_STATUS_IN_TRANS of the protocol


class Pymysql:
    """The driver ``pymysql``."""

    module = "pymysql"

    @property
    def errors(self) -> Any:
        """The module, which holds the exception classes of PEP 249."""
        return import_module("pymysql")

    def hook(self, seam: Seam, hooks: Hooks) -> None:
        """Wrap connections and cursors."""
        connection = import_module("pymysql.connections").Connection
        cursor = import_module("pymysql.cursors").Cursor
        methods = Methods(seam, hooks)
        methods.wrap(connection, "begin", control(Kind.BEGIN))
        methods.wrap(connection, "commit", control(Kind.COMMIT))
        methods.wrap(connection, "rollback", control(Kind.ROLLBACK))
        methods.wrap(connection, "autocommit", autocommitting(_in_transaction))
        methods.wrap(connection, "query", statement)
        methods.heed(connection)
        hook_ping(connection, seam, hooks)
        methods.wrap(cursor, "execute", statement, _connection)
        methods.wrap(cursor, "executemany", many, _connection)
        methods.wrap(cursor, "callproc", procedure, _connection)
        keep_what_is_fetched(hooks, import_module("pymysql.cursors").SSCursor)
        original = connection.connect

        def connect(self: Any, sock: Any = None) -> None:
            host = "" if self.unix_socket or sock is not None else self.host
            where = {"host": host, "port": self.port, "database": self.db}
            with seam.opening(DRIVER, "mysql", (), where) as opening:
                port = self.port
                try:
                    self.port = (opening.ours and opening.detour) or port
                    original(self, sock)
                finally:
                    self.port = port
                opening.take_in(self)

        hooks.put(connection, "connect", connect)

    def connect(self, dsn: Any, *, asynchronous: bool) -> Any:
        """``pymysql.connect(host=…, …)``."""
        del asynchronous
        return import_module("pymysql").connect(**dsn)

    def handle(self, connection: Any) -> Any:
        """The connection itself, whose calls are plain."""
        return connection

    def autocommits(self, connection: Any, sql: str) -> bool:
        """Whether autocommit is on and no transaction is open."""
        del sql
        return bool(connection.get_autocommit()) and not _in_transaction(connection)

    def gone(self, connection: Any, error: BaseException) -> bool:
        """Whether the connection is closed, or the error says that it is gone."""
        return connection is None or not connection.open or gone(error)

    def answer(self, call: DriverCall, given: Any) -> Answer:
        """The driver holds all rows at once, unless its cursor is one that streams."""
        del given
        return rows_held(call.subject)


def _connection(cursor: Any) -> Any:
    return cursor.connection


def _in_transaction(connection: Any) -> bool:
    return bool(connection.server_status & _IN_TRANSACTION)


DRIVER = Pymysql()
