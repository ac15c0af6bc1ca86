"""The values of a row that a driver has given, in whatever form the program had asked it for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


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
