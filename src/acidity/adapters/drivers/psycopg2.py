"""psycopg2: written in C, so its one connect function makes connections and cursors of a subclass.

``psycopg2.connect`` is Python and calls the C function by a name in its module, which is where the hook is: it works
however ``connect`` was imported. The subclass stands below a class of the user's own, right above the driver. The
class of connections opens one by itself when it is called, so another class stands for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

from acidity.adapters.drivers.base import Answer, DriverCall, Hooks, Seam, control, many, procedure, statement
from acidity.adapters.drivers.streaming import keeping, streamed
from acidity.adapters.drivers.subclasses import Subclasses, is_python, standing_for, through
from acidity.core.call import Kind

_extensions: Any = import_module("psycopg2.extensions")  # this file is read when a program has imported the driver
_CONNECTION: Any = _extensions.connection
_IDLE = 0
_ASYNC = "an asynchronous connection of psycopg2 was opened, whose calls return before they are answered"
_DIRECT = "a connection of psycopg2 was made by calling its class, past its connect"


class SeamCursor(_extensions.cursor):  # type: ignore[misc]  # what it is made of is known at run time only
    """A cursor whose statements are Calls."""

    _acidity_seam: ClassVar[Seam]

    def execute(self, *arguments: Any, **keywords: Any) -> Any:
        """Bring it to the seam."""
        return self._through(statement, super().execute, *arguments, **keywords)

    def executemany(self, *arguments: Any, **keywords: Any) -> Any:
        """Bring it to the seam."""
        return self._through(many, super().executemany, *arguments, **keywords)

    def callproc(self, *arguments: Any, **keywords: Any) -> Any:
        """Bring it to the seam."""
        return self._through(procedure, super().callproc, *arguments, **keywords)

    def copy_from(self, file: Any, table: str, *arguments: Any, **keywords: Any) -> Any:
        """Bring it to the seam."""
        said = _copying(f"COPY {table} FROM STDIN")
        return self._through(said, super().copy_from, file, table, *arguments, **keywords)

    def copy_to(self, file: Any, table: str, *arguments: Any, **keywords: Any) -> Any:
        """Bring it to the seam."""
        return self._through(_copying(f"COPY {table} TO STDOUT"), super().copy_to, file, table, *arguments, **keywords)

    def copy_expert(self, *arguments: Any, **keywords: Any) -> Any:
        """Bring it to the seam."""
        return self._through(statement, super().copy_expert, *arguments, **keywords)

    fetchone = keeping(_extensions.cursor.fetchone, "fetchone")
    fetchmany = keeping(_extensions.cursor.fetchmany, "fetchmany")
    fetchall = keeping(_extensions.cursor.fetchall, "fetchall")
    __next__ = keeping(_extensions.cursor.__next__, "__next__")

    def _through(self, said: Any, original: Any, *arguments: Any, **keywords: Any) -> Any:
        return through(self._acidity_seam, self, said, original, *arguments, **keywords)


class SeamConnection(_CONNECTION):  # type: ignore[misc]
    """A connection whose calls are Calls."""

    _acidity_seam: ClassVar[Seam]
    _acidity_cursors: ClassVar[Subclasses]

    def cursor(self, name: Any = None, cursor_factory: Any = None, *arguments: Any, **keywords: Any) -> Any:
        """A cursor of a subclass of what was asked for."""
        wanted = cursor_factory or self.cursor_factory or _extensions.cursor
        return super().cursor(name, self._acidity_cursors.of(wanted), *arguments, **keywords)

    def commit(self) -> Any:
        """Bring it to the seam."""
        return self._through(Kind.COMMIT, super().commit)

    def rollback(self) -> Any:
        """Bring it to the seam."""
        return self._through(Kind.ROLLBACK, super().rollback)

    def close(self) -> Any:
        """Tell it, and close."""
        self._acidity_seam.closing(self)
        return super().close()

    def tpc_prepare(self) -> Any:
        """Bring it to the seam."""
        return self._through(Kind.PREPARE, super().tpc_prepare)

    def tpc_commit(self, *arguments: Any) -> Any:
        """Bring it to the seam."""
        return self._through(Kind.COMMIT, super().tpc_commit, *arguments)

    def tpc_rollback(self, *arguments: Any) -> Any:
        """Bring it to the seam."""
        return self._through(Kind.ROLLBACK, super().tpc_rollback, *arguments)

    def _through(self, kind: Kind, original: Any, *arguments: Any) -> Any:
        return through(self._acidity_seam, self, control(kind), original, *arguments)


class Psycopg2:
    """The driver ``psycopg2``."""

    module = "psycopg2"

    @property
    def errors(self) -> Any:
        """The module, which holds the exception classes of PEP 249."""
        return import_module("psycopg2")

    def hook(self, seam: Seam, hooks: Hooks) -> None:
        """Give connections a factory of ours."""
        psycopg2 = import_module("psycopg2")
        original = psycopg2._connect
        cursors = Subclasses(SeamCursor, _extensions.cursor, _acidity_seam=seam)
        classes = Subclasses(SeamConnection, _CONNECTION, _acidity_seam=seam, _acidity_cursors=cursors)

        def connect(dsn: str, connection_factory: Any = None, **keywords: Any) -> Any:
            with seam.opening(self, "postgresql", (), _where(dsn)) as opening:
                factory = connection_factory
                if opening.ours:
                    factory = classes.of(connection_factory or _CONNECTION)
                    if port := opening.detour:
                        dsn = _extensions.make_dsn(dsn, port=port)
                if opening.ours and any(keywords.values()):
                    seam.refuse(_ASYNC)
                    factory = connection_factory
                connection = original(dsn, connection_factory=factory, **keywords)
                if factory is not connection_factory:
                    opening.take_in(connection)
                return connection

        connect.__name__ = original.__name__
        hooks.put_everywhere(original, connect)
        self._hook_classes(seam, hooks)

    def _hook_classes(self, seam: Seam, hooks: Hooks) -> None:
        """Calling the class of connections, or a class made of it, opens one."""

        def opening_by(initialise: Any) -> Any:
            def __init__(connection: Any, dsn: str, *arguments: Any, **keywords: Any) -> None:  # noqa: N807
                with seam.opening(self, "postgresql", (), _where(dsn)) as opening:
                    if opening.ours:
                        seam.refuse(_DIRECT)
                    initialise(connection, dsn, *arguments, **keywords)

            return __init__

        for made in _CONNECTION.__subclasses__():
            if is_python(made) and not issubclass(made, SeamConnection):
                hooks.put(made, "__init__", opening_by(made.__init__))
        hooks.put_everywhere(_CONNECTION, standing_for(_CONNECTION, __init__=opening_by(_CONNECTION.__init__)))

    def connect(self, dsn: Any, *, asynchronous: bool) -> Any:
        """``psycopg2.connect(url)``."""
        del asynchronous
        return import_module("psycopg2").connect(dsn)

    def handle(self, connection: Any) -> Any:
        """The connection itself, whose calls are plain."""
        return connection

    def autocommits(self, connection: Any, sql: str) -> bool:
        """Whether autocommit is on and no transaction is open."""
        del sql
        return bool(connection.autocommit) and connection.info.transaction_status == _IDLE

    def gone(self, connection: Any, error: BaseException) -> bool:
        """Whether the connection is closed, whatever the error says."""
        del error
        return connection is None or bool(connection.closed)

    def answer(self, call: DriverCall, given: Any) -> Answer:
        """The driver holds all rows at once, unless its cursor has a name; they are read, and the cursor put back."""
        del given
        cursor = call.subject
        rows = None
        if cursor.name is not None:
            return streamed(cursor), None
        if cursor.description:
            rows = cursor.fetchall()
            cursor.scroll(0, mode="absolute") if rows else None
        return rows, cursor.rowcount


def _where(dsn: str) -> dict[str, Any]:
    """Host, port and database that it leads to."""
    where: dict[str, Any] = _extensions.parse_dsn(dsn)
    where.setdefault("host", where.get("hostaddr"))
    return where


def _copying(text: str) -> Any:
    def said(*_: Any, **__: Any) -> DriverCall:
        return DriverCall(Kind.STATEMENT, text)

    return said


DRIVER = Psycopg2()
