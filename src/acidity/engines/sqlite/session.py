"""What a connection to SQLite keeps beyond its transactions: temporary tables and attached databases."""

from __future__ import annotations

import sqlite3

from acidity.engines.session import Left, LeftKind


def left_on(connection: sqlite3.Connection) -> tuple[Left, ...]:
    """Ask the connection itself.

    Args:
        connection: the driver's own, in the thread that it belongs to.

    Returns:
        What it holds, sorted.
    """
    cursor = connection.cursor()
    cursor.row_factory = None  # the program may have set one
    tables = cursor.execute("SELECT name FROM sqlite_temp_master WHERE type IN ('table', 'view')").fetchall()
    attached = cursor.execute("PRAGMA database_list").fetchall()
    cursor.close()
    found = [Left(LeftKind.TABLE, _text(name)) for (name,) in tables]
    found += [Left(LeftKind.DATABASE, _text(row[1])) for row in attached if _text(row[1]) not in {"main", "temp"}]
    return tuple(sorted(found, key=str))


def _text(value: str | bytes) -> str:
    """Text comes as the program's ``text_factory`` makes it."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
