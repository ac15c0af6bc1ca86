"""What is kept of an answer for an actor that keeps the rows it reads: a cursor that remembers what is fetched."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from acidity.core.row import Fetched


def rowcount_of(cursor: Any) -> int | None:
    """How many rows the driver says were found or changed; None where it has not counted them yet.

    SQLite counts what a statement with RETURNING has changed when its last row was fetched; until then it says 0.
    """
    if isinstance(cursor, sqlite3.Cursor) and cursor.description is not None:
        return None
    count: int | None = getattr(cursor, "rowcount", None)
    return count


class RecordingCursor:
    """A driver's cursor that puts every fetched row into a list; it fetches nothing by itself.

    Args:
        cursor: the driver's own.
        rows: where fetched rows go.
    """

    def __init__(self, cursor: Any, rows: Fetched) -> None:
        self._acidity_cursor = cursor
        self._acidity_rows = rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._acidity_cursor, name)

    def fetchone(self) -> Any:
        """The next row."""
        self._acidity_rows.asked = True
        row = self._acidity_cursor.fetchone()
        if row is not None:
            self._acidity_rows.append(row)
        return row

    def fetchmany(self, *size: int) -> Any:
        """The next rows."""
        self._acidity_rows.asked = True
        found = self._acidity_cursor.fetchmany(*size)
        self._acidity_rows.extend(found)
        return found

    def fetchall(self) -> Any:
        """All rows that are left."""
        self._acidity_rows.asked = True
        found = self._acidity_cursor.fetchall()
        self._acidity_rows.extend(found)
        return found

    def __iter__(self) -> Iterator[Any]:
        self._acidity_rows.asked = True
        for row in self._acidity_cursor:
            self._acidity_rows.append(row)
            yield row
