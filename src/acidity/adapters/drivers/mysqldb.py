"""mysqlclient (``MySQLdb``): Python classes above a C connection, wrapped in place.

Opening happens in the constructor. The driver does not say whether a transaction is open; the server has to be asked.
"""

from __future__ import annotations

import weakref
from importlib import import_module
from typing import Any

from acidity.adapters.drivers.base import Answer, DriverCall, Hooks, Methods, Seam, control, many, procedure, statement
from acidity.adapters.drivers.mysql import autocommitting, gone, rows_held
from acidity.adapters.drivers.streaming import keep_what_is_fetched
from acidity.core.call import Kind
from acidity.core.row import cells_of
from acidity.engines.own_calls import own_calls

_POSITIONS = ("host", "user", "password", "database", "port")


class Mysqldb:
    """The driver ``MySQLdb``."""

    module = "MySQLdb"

    @property
    def errors(self) -> Any:
        """The module, which holds the exception classes of PEP 249."""
        return import_module("MySQLdb")

    def hook(self, seam: Seam, hooks: Hooks) -> None:
        """Wrap connections and cursors."""
        connection = import_module("MySQLdb.connections").Connection
        cursor = import_module("MySQLdb.cursors").BaseCursor
        methods = Methods(seam, hooks)
        methods.wrap(connection, "commit", control(Kind.COMMIT), inherited=True)
        methods.wrap(connection, "rollback", control(Kind.ROLLBACK), inherited=True)
        methods.wrap(connection, "ping", control(Kind.PING), inherited=True)
        methods.wrap(connection, "begin", control(Kind.BEGIN))
        methods.wrap(connection, "autocommit", autocommitting(_in_transaction))
        methods.wrap(connection, "query", statement)
        methods.heed(connection)
        methods.wrap(cursor, "execute", statement, _connection)
        methods.wrap(cursor, "executemany", many, _connection)
        methods.wrap(cursor, "callproc", procedure, _connection)
        original = connection.__init__

        def initialise(self: Any, *arguments: Any, **keywords: Any) -> None:
            with seam.opening(DRIVER, "mysql", (), _where(arguments, keywords)) as opening:
                if opening.ours and (port := opening.detour):
                    arguments, keywords = arguments[: _POSITIONS.index("port")], keywords | {"port": port}
                original(self, *arguments, **keywords)
                self.acidity_session = self.thread_id()  # it may not be asked while another thread uses it
                opening.take_in(self)

        hooks.put(connection, "__init__", initialise)
        streaming = import_module("MySQLdb.cursors").CursorUseResultMixIn
        using = streaming._get_result

        def get_result(self: Any) -> Any:
            self.connection.acidity_sends_to = weakref.ref(self)  # nothing else may be asked until it has all rows
            return using(self)

        hooks.put(streaming, "_get_result", get_result)
        keep_what_is_fetched(hooks, streaming)

    def connect(self, dsn: Any, *, asynchronous: bool) -> Any:
        """``MySQLdb.connect(host=…, …)``."""
        del asynchronous
        return import_module("MySQLdb").connect(**dsn)

    def handle(self, connection: Any) -> Any:
        """The connection itself, whose calls are plain."""
        return connection

    def autocommits(self, connection: Any, sql: str) -> bool | None:
        """In autocommit mode the driver does not know."""
        del sql
        return None if connection.get_autocommit() else False

    def gone(self, connection: Any, error: BaseException) -> bool:
        """Whether the connection is closed, or the error says that it is gone."""
        return connection is None or gone(error)

    def answer(self, call: DriverCall, given: Any) -> Answer:
        """The driver holds all rows at once, unless its cursor is one that streams."""
        del given
        return rows_held(call.subject)


def _where(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
    given = dict(zip(_POSITIONS, arguments, strict=False)) | keywords
    if given.get("unix_socket") or given.get("read_default_file"):
        given["host"] = ""
    return given


def _connection(cursor: Any) -> Any:
    return cursor.connection


def _in_transaction(connection: Any) -> bool:
    """Asked of the session itself; it may be in one where it does not answer."""
    if connection.get_autocommit():
        return False
    cursor = connection.cursor()
    try:
        with own_calls():
            cursor.execute("SELECT @@in_transaction")
            return bool(cells_of(cursor.fetchone())[0])
    except Exception:  # of the driver, or of a connection that is closed
        return True
    finally:
        cursor.close()


DRIVER = Mysqldb()
