"""sqlite3 of the standard library: written in C, so ``connect`` makes connections and cursors of a subclass.

The subclass stands below a class of the user's own (``factory=``), right above the driver. What the driver does in C
without calling a method (``with connection:``, the COMMIT of ``executescript`` and of ``isolation_level = None``) is
done here in the same order, as the Calls that it is.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, ClassVar, Literal

from acidity.adapters.drivers.base import Answer, DriverCall, Hooks, Seam, control, many, statement
from acidity.adapters.drivers.subclasses import Subclasses, through
from acidity.adapters.recording import rowcount_of
from acidity.core.call import Kind
from acidity.core.row import Fetched
from acidity.engines.sqlite.speech import SPEECH

_POSITION_OF_FACTORY = 5
_LEVEL: Any = sqlite3.Connection.isolation_level
_MODE: Any = getattr(sqlite3.Connection, "autocommit", None)  # Python 3.12
_BEGINS = re.compile(r"(insert|update|delete|replace)\b", re.IGNORECASE)


class SeamCursor(sqlite3.Cursor):
    """A cursor whose statements are Calls."""

    _acidity_seam: ClassVar[Seam]

    def execute(self, *arguments: Any) -> Any:
        """Bring it to the seam."""
        return through(self._acidity_seam, self, statement, super().execute, *arguments)

    def executemany(self, *arguments: Any) -> Any:
        """Bring it to the seam."""
        return through(self._acidity_seam, self, many, super().executemany, *arguments)

    def executescript(self, *arguments: Any) -> Any:
        """The driver commits what is open and sends one statement after the other: so many Calls."""
        connection: Any = self.connection
        wire = self._acidity_seam.wire_if_ours(connection)
        if wire is None or not arguments or not isinstance(arguments[0], str):
            return super().executescript(*arguments)
        if _legacy(connection) and connection.in_transaction:
            connection.commit()
        plain = sqlite3.Connection.cursor(connection)
        with without_implicit_begin(connection):
            for text in statements_in(arguments[0]):
                self._acidity_seam.bring(wire, one_of_a_script(text), partial(_run, plain))
        return self


def _on(cursor: Any, method: str, arguments: Sequence[Any]) -> Any:
    """Call a method of a cursor that nobody else knows; one that fails is gone at once, as it is with the driver.

    It would live on in the traceback, and with it the locks of a connection that is closed meanwhile
    (sqlite.org/c3ref/close.html).
    """
    try:
        return getattr(cursor, method)(*arguments)
    except BaseException:
        with suppress(sqlite3.Error):
            sqlite3.Cursor.close(cursor)
        raise


class RecordingSeamCursor(SeamCursor):
    """The same for an actor that keeps the rows it reads; what is fetched after a statement belongs to that one."""

    _acidity_rows: Fetched

    def execute(self, *arguments: Any) -> Any:
        """Begin a new list of rows."""
        self._acidity_rows = Fetched()
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        """Begin a new list of rows."""
        self._acidity_rows = Fetched()
        return super().executemany(*arguments)

    def __next__(self) -> Any:
        self._acidity_rows.asked = True
        row = super().__next__()
        self._acidity_rows.append(row)
        return row

    def fetchone(self) -> Any:
        """The next row."""
        self._acidity_rows.asked = True
        row = super().fetchone()
        if row is not None:
            self._acidity_rows.append(row)
        return row

    def fetchmany(self, *arguments: Any, **keywords: Any) -> Any:
        """The next rows."""
        self._acidity_rows.asked = True
        found = super().fetchmany(*arguments, **keywords)
        self._acidity_rows.extend(found)
        return found

    def fetchall(self) -> Any:
        """All rows that are left."""
        self._acidity_rows.asked = True
        found = super().fetchall()
        self._acidity_rows.extend(found)
        return found


class SeamConnection(sqlite3.Connection):
    """A connection whose calls are Calls."""

    _acidity_seam: ClassVar[Seam]
    _acidity_cursors: ClassVar[Subclasses]
    _acidity_recording: ClassVar[Subclasses]

    def cursor(self, factory: Any = sqlite3.Cursor) -> Any:
        """A cursor of a subclass of what was asked for."""
        classes = self._acidity_recording if self._acidity_seam.records() else self._acidity_cursors
        return super().cursor(classes.of(factory))

    def execute(self, *arguments: Any) -> Any:
        """On a new cursor, as the driver does it."""
        return _on(self.cursor(), "execute", arguments)

    def executemany(self, *arguments: Any) -> Any:
        """On a new cursor, as the driver does it."""
        return _on(self.cursor(), "executemany", arguments)

    def executescript(self, *arguments: Any) -> Any:
        """On a new cursor, as the driver does it."""
        return _on(self.cursor(), "executescript", arguments)

    def commit(self) -> None:
        """Bring it to the seam."""
        through(self._acidity_seam, self, control(Kind.COMMIT), super().commit)

    def rollback(self) -> None:
        """Bring it to the seam."""
        through(self._acidity_seam, self, control(Kind.ROLLBACK), super().rollback)

    def blobopen(self, *arguments: Any, **keywords: Any) -> Any:
        """What is read and written through a Blob is no statement."""
        if self._acidity_seam.wire_if_ours(self) is not None:
            self._acidity_seam.refuse("a sqlite3.Blob reads and writes without a statement (use SELECT and UPDATE)")
        return super().blobopen(*arguments, **keywords)

    def close(self) -> None:
        """Tell it, and close."""
        self._acidity_seam.closing(self)
        super().close()

    def __exit__(self, kind: object, error: object, trace: object) -> Literal[False]:
        if _MODE is not None and _MODE.__get__(self) is True:
            return False
        if kind is not None:
            self.rollback()
            return False
        try:
            self.commit()
        except BaseException:
            self.rollback()
            raise
        return False

    @property
    def isolation_level(self) -> Any:
        """What the driver says."""
        return _LEVEL.__get__(self)

    @isolation_level.setter
    def isolation_level(self, value: Any) -> None:
        _ending(self, lambda: _LEVEL.__set__(self, value), commits=value is None and _legacy(self))

    if _MODE is not None:

        @property
        def autocommit(self) -> Any:
            """What the driver says."""
            return _MODE.__get__(self)

        @autocommit.setter
        def autocommit(self, value: Any) -> None:
            _ending(self, lambda: _MODE.__set__(self, value), commits=value is True)


def _ending(connection: SeamConnection, change: Callable[[], None], *, commits: bool) -> None:
    """A change of mode commits what is open."""
    wire = connection._acidity_seam.wire_if_ours(connection) if commits and connection.in_transaction else None
    if wire is None:
        change()
    else:
        connection._acidity_seam.bring(wire, DriverCall(Kind.COMMIT), change)


def _legacy(connection: Any) -> bool:
    """Whether transactions are begun as ``isolation_level`` says, which is the only way before Python 3.12."""
    return _MODE is None or not isinstance(_MODE.__get__(connection), bool)


def one_of_a_script(text: str) -> DriverCall:
    """A statement that ``executescript`` sends."""
    return statement(None, text).made(None, (text,), {})


def _run(cursor: sqlite3.Cursor, statement_text: str) -> None:
    cursor.execute(statement_text).fetchall()


@contextmanager
def without_implicit_begin(connection: Any) -> Iterator[None]:
    """``executescript`` begins no transaction; nothing is open, so that changing the level commits nothing."""
    level = _LEVEL.__get__(connection)
    if not _legacy(connection) or level is None or connection.in_transaction:
        yield
        return
    _LEVEL.__set__(connection, None)
    try:
        yield
    finally:
        _LEVEL.__set__(connection, level)


def statements_in(script: str) -> Iterator[str]:
    """The statements of a script, as SQLite itself would end them."""
    text = ""
    for part in re.split(r"(?<=;)", script):
        text += part
        if sqlite3.complete_statement(text):
            if SPEECH.bare(text).strip("; \n\t"):
                yield text.strip()
            text = ""
    if SPEECH.bare(text).strip():
        yield text.strip()


class Pysqlite:
    """The driver ``sqlite3``."""

    module = "sqlite3"
    errors = sqlite3

    def hook(self, seam: Seam, hooks: Hooks) -> None:
        """Put another ``connect`` wherever programs have the driver's."""
        original = sqlite3.connect
        cursors = Subclasses(SeamCursor, sqlite3.Cursor, _acidity_seam=seam)
        recording = Subclasses(RecordingSeamCursor, sqlite3.Cursor, _acidity_seam=seam)
        known = {"_acidity_seam": seam, "_acidity_cursors": cursors, "_acidity_recording": recording}
        classes = Subclasses(SeamConnection, sqlite3.Connection, **known)

        def connect(*arguments: Any, **keywords: Any) -> Any:
            database = arguments[0] if arguments else keywords.get("database")
            with seam.opening(self, "sqlite", (database,), {}) as opening:
                if not opening.ours:
                    return original(*arguments, **keywords)
                arguments, keywords = _with_factory(classes, arguments, keywords)
                connection = original(*arguments, **keywords)
                opening.take_in(connection)
                return connection

        hooks.put_everywhere(original, connect)

    def connect(self, dsn: Any, *, asynchronous: bool) -> Any:
        """``sqlite3.connect(path)``."""
        del asynchronous
        return sqlite3.connect(dsn)

    def handle(self, connection: Any) -> Any:
        """The connection itself, whose calls are plain."""
        return connection

    def autocommits(self, connection: Any, sql: str) -> bool:
        """The driver begins a transaction before INSERT, UPDATE, DELETE and REPLACE, and before nothing else."""
        if connection.in_transaction:
            return False
        if not _legacy(connection):
            return bool(_MODE.__get__(connection))
        return _LEVEL.__get__(connection) is None or not _BEGINS.match(SPEECH.bare(sql))

    def gone(self, connection: Any, error: BaseException) -> bool:
        """The driver says that it was closed."""
        del connection
        return "closed database" in str(error)

    def answer(self, call: DriverCall, given: Any) -> Answer:
        """Rows are computed as they are fetched; the list grows until the cursor's next statement."""
        del given
        cursor = call.subject
        rows = getattr(cursor, "_acidity_rows", None) if getattr(cursor, "description", None) else None
        return rows, rowcount_of(cursor)


def _with_factory(
    classes: Subclasses, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of ``connect`` with a subclass in place of the factory."""
    if len(arguments) > _POSITION_OF_FACTORY:
        changed = list(arguments)
        changed[_POSITION_OF_FACTORY] = classes.of(changed[_POSITION_OF_FACTORY])
        return tuple(changed), keywords
    return arguments, keywords | {"factory": classes.of(keywords.get("factory", sqlite3.Connection))}


DRIVER = Pysqlite()
