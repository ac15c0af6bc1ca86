"""aiosqlite: a thread that works on a ``sqlite3`` connection; its own methods are wrapped in place."""

from __future__ import annotations

import inspect
import re
import sqlite3
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from importlib import import_module
from typing import Any

from acidity.adapters.drivers.base import Answer, DriverCall, Hooks, Methods, Seam, control, many, statement
from acidity.adapters.drivers.pysqlite import DRIVER as PYSQLITE
from acidity.adapters.drivers.pysqlite import one_of_a_script, statements_in, without_implicit_begin
from acidity.adapters.drivers.wire import Awaited
from acidity.adapters.recording import RecordingCursor, rowcount_of
from acidity.core.call import Kind
from acidity.core.row import Fetched
from acidity.errors import ForeignDatabase

_ASKS = re.compile(r"[\s(]*(?:select|with|values|pragma|explain)\b", re.IGNORECASE)


class Aiosqlite:
    """The driver ``aiosqlite``."""

    module = "aiosqlite"
    errors = sqlite3

    def hook(self, seam: Seam, hooks: Hooks) -> None:
        """Wrap connections and cursors."""
        core, cursor = import_module("aiosqlite.core").Connection, import_module("aiosqlite.cursor").Cursor
        for name, said in (
            ("execute", statement),
            ("execute_insert", statement),
            ("execute_fetchall", statement),
            ("executemany", many),
            ("commit", control(Kind.COMMIT)),
            ("rollback", control(Kind.ROLLBACK)),
        ):
            hooks.put(core, name, _wrapped(seam, vars(core)[name], said, lambda self: self))
        for name, said in (("execute", statement), ("executemany", many)):
            hooks.put(cursor, name, _wrapped(seam, vars(cursor)[name], said, lambda self: self._conn))
        hooks.put(core, "executescript", _script(seam, core.executescript))
        hooks.put(cursor, "executescript", _script_on_cursor(seam, cursor.executescript))
        hooks.put(core, "_execute", _in_the_callers_context(core._execute))
        if hasattr(core, "stop"):
            hooks.put(core, "stop", _once(core.stop))
        Methods(seam, hooks).heed(core)
        original = core._connect

        async def connect(connection: Any) -> Any:
            from sqlalchemy.util import greenlet_spawn

            file = _file(connection)
            try:
                with seam.opening(self, "sqlite", (file,), {}) as opening:
                    connection._connector = partial(copy_context().run, connection._connector)
                    opened = await original(connection)
                    await greenlet_spawn(opening.take_in, connection)
                    return opened
            except ForeignDatabase:
                await _end_thread(connection)
                raise

        hooks.put(core, "_connect", connect)

    def connect(self, dsn: Any, *, asynchronous: bool) -> Any:
        """``aiosqlite.connect(path)``."""
        del asynchronous
        return import_module("aiosqlite").connect(dsn)

    def handle(self, connection: Any) -> Any:
        """A face with plain calls, as a `Sandbox` cannot await."""
        return Awaited(self, connection)

    def autocommits(self, connection: Any, sql: str) -> bool:
        """As the connection in the thread says there; the seam asks in a greenlet."""
        from sqlalchemy.util import await_only

        return bool(await_only(connection._execute(PYSQLITE.autocommits, connection._conn, sql)))

    def gone(self, connection: Any, error: BaseException) -> bool:
        """Whether the connection in the thread was closed."""
        return PYSQLITE.gone(connection, error)

    def answer(self, call: DriverCall, given: Any) -> Answer:
        """The rows that were fetched with it; those of a cursor as they are fetched from then on."""
        if isinstance(given, list):  # of `execute_fetchall`, which keeps to itself how many rows a write has changed
            return (given, len(given)) if given or _ASKS.match(call.sql) else (None, None)
        cursor = given if hasattr(given, "_cursor") else call.subject
        if not hasattr(cursor, "_cursor"):
            return None, None
        rows = Fetched()
        native = cursor._cursor
        cursor._cursor = RecordingCursor(native, rows)
        return (None if native.description is None else rows), rowcount_of(native)

    # As `Awaited` needs it

    async def ask(self, connection: Any, sql: str) -> list[Any]:
        """In the connection's thread."""
        rows: list[Any] = await connection._execute(lambda: connection._conn.execute(sql).fetchall())
        return rows

    async def close(self, connection: Any) -> None:
        """Close it and end its thread."""
        await connection.close()

    def autocommit(self, connection: Any) -> bool:
        """Whether it begins no transaction."""
        return connection._conn.isolation_level is None


def _in_the_callers_context(original: Any) -> Any:
    """The thread knows neither who asks nor whether it is the program; the context of the caller does."""

    async def execute(self: Any, function: Any, *arguments: Any, **keywords: Any) -> Any:
        return await original(self, copy_context().run, function, *arguments, **keywords)

    return execute


def _once(original: Callable[[Any], Any]) -> Any:
    """The thread of a connection that is closed by two at once answers the first; the other one would wait for ever.

    So acidity does where the program is still closing what a cancelled task has left.
    """

    def stop(self: Any) -> Any:
        return original(self) if self._running else None

    return stop


def _file(connection: Any) -> Any:
    """What `aiosqlite.connect` was given; it keeps that in a function only."""
    return inspect.getclosurevars(connection._connector).nonlocals.get("database")


async def _end_thread(connection: Any) -> None:
    """The thread runs already, and waits for a connection that will not be opened."""
    ended = (getattr(connection, "stop", None) or connection._stop_running)()
    if ended is not None:
        await ended


def _wrapped(seam: Seam, original: Any, said: Callable[..., DriverCall], connection_of: Callable[[Any], Any]) -> Any:
    """What these methods give can be awaited, and entered with ``async with``."""
    result = import_module("aiosqlite.context").Result

    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        wire = seam.wire_if_ours(connection_of(self))
        if wire is None:
            return original(self, *arguments, **keywords)
        call = said(self, *arguments, **keywords).made(self, arguments, keywords)
        return result(seam.bring_async(wire, call, partial(original, self)))

    return method


def _script(seam: Seam, original: Any) -> Any:
    result, cursor = import_module("aiosqlite.context").Result, import_module("aiosqlite.cursor").Cursor

    async def run(connection: Any, script: str) -> Any:
        await _run_script(seam, connection, script)
        return cursor(connection, await connection._execute(connection._conn.cursor))

    def executescript(self: Any, script: str) -> Any:
        return original(self, script) if seam.wire_if_ours(self) is None else result(run(self, script))

    return executescript


def _script_on_cursor(seam: Seam, original: Any) -> Any:
    async def executescript(self: Any, script: str) -> Any:
        if seam.wire_if_ours(self._conn) is None:
            return await original(self, script)
        await _run_script(seam, self._conn, script)
        return self

    return executescript


async def _run_script(seam: Seam, connection: Any, script: str) -> None:
    """One statement after the other, as the driver does it, after a COMMIT of what is open."""
    wire = seam.wire_if_ours(connection)
    assert wire is not None, "the caller has asked"
    native = connection._conn
    if native.in_transaction:
        await connection.commit()
    changed = without_implicit_begin(native)
    await connection._execute(changed.__enter__)
    try:
        for text in statements_in(script):
            await seam.bring_async(wire, one_of_a_script(text), partial(DRIVER.ask, connection))
    finally:
        await connection._execute(changed.__exit__, None, None, None)


DRIVER = Aiosqlite()
