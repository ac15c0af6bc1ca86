"""The values of a row that a driver has given, in whatever form the program had asked it for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Fetched(list[Any]):
    """The rows that a program has fetched of an answer so far; a list that grows.

    Attributes:
        asked: it has asked for a row, so that none means that there was none.
    """

    asked = False


def was_asked_for(rows: Any) -> bool:
    """Whether a program has looked at the rows of an answer; of one that a driver hands over at once it has."""
    return rows is not None and (bool(rows) or not isinstance(rows, Fetched) or rows.asked)


def cells_of(row: Any) -> tuple[Any, ...]:
    """The values of one row, whatever the driver makes of rows; a single value is a row of one cell."""
    if isinstance(row, Mapping):
        return tuple(row.values())
    if isinstance(row, tuple | list):
        return tuple(row)
    if isinstance(row, str | bytes | bytearray | memoryview):
        return (row,)
    if hasattr(row, "__dict__"):
        return tuple(vars(row).values())
    return tuple(row) if isinstance(row, Iterable) else (row,)
