"""The values of a row that a driver has given, in whatever form the program had asked it for, and as they were then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from operator import is_
from typing import Any

# Of psycopg and psycopg2, around a document that is a parameter: the names of the classes, and where that is in them.
_WRAPPERS = frozenset({"Json", "Jsonb"})
_WRAPPED = ("obj", "adapted")


class Fetched(list[Any]):
    """The rows that a program has fetched of an answer so far, as they were then; a list that grows.

    Attributes:
        asked: it has asked for a row, so that none means that there was none.
    """

    asked = False

    def append(self, row: Any) -> None:
        """Add a row as it is now."""
        super().append(row_as_it_is(row))

    def extend(self, rows: Iterable[Any]) -> None:
        """Add rows as they are now."""
        super().extend(map(row_as_it_is, rows))


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


def row_as_it_is(row: Any) -> Any:
    """A row that stays the same when the program changes the one that it has; one that never changes is itself."""
    if isinstance(row, Iterator):
        return row
    cells = cells_of(row)
    kept = tuple(map(as_it_is, cells))
    if type(row) is not tuple:
        if isinstance(row, Mapping):
            return dict(zip(row, kept, strict=True))
        if isinstance(row, list) or hasattr(row, "__dict__"):
            return kept
    return row if all(map(is_, cells, kept)) else kept


def as_it_is(value: Any) -> Any:
    """A value, or parameters, of which nothing changes any more; what never changes is itself.

    >>> read = {"n": [1]}
    >>> kept = as_it_is(read)
    >>> read["n"].append(2)
    >>> kept
    {'n': [1]}
    """
    kind = type(value)
    if kind is tuple:
        kept = tuple(map(as_it_is, value))
        return value if all(map(is_, value, kept)) else kept
    if kind is list:
        return list(map(as_it_is, value))
    if kind is dict:
        return {name: as_it_is(each) for name, each in value.items()}
    if kind is set or kind is bytearray:
        return value.copy()
    return _wrapped(value) if kind.__name__ in _WRAPPERS else value


def _wrapped(value: Any) -> Any:
    wrapper = copy(value)
    for name in _WRAPPED:
        if hasattr(value, name):
            setattr(wrapper, name, as_it_is(getattr(value, name)))
    return wrapper
