"""Keep an operation's answer as a plain value, so that it can be compared long after its session is closed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from email.message import Message
from enum import Enum
from typing import Any

from sqlalchemy import inspect as inspect_mapped
from sqlalchemy.engine import Result, Row
from sqlalchemy.exc import NoInspectionAvailable

from acidity.analysis.answers import says_equal
from acidity.core.outcome import ReturnedError

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_MAPPED = "_sa_instance_state"  # what SQLAlchemy keeps in an object; asking for its attributes may ask the database
_SHOWN = frozenset({"decimal", "datetime", "uuid", "fractions"})
_DEPTH = 8
_PLAIN = (str, bytes, int, float, complex, bool, type(None), Enum)


def freeze(value: Any, depth: int = 0) -> Any:
    """A copy made of plain containers; mapped objects become their loaded columns, strange ones their repr."""
    if isinstance(value, _PLAIN) or type(value).__module__ in _SHOWN:
        return value
    if depth > _DEPTH:
        return _ADDRESS.sub("", repr(value))
    if isinstance(value, BaseException):
        return ReturnedError(type(value).__name__, _ADDRESS.sub("", repr(value)))
    if isinstance(value, Row):
        return tuple(freeze(item, depth + 1) for item in value)
    if isinstance(value, Result):
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        return {freeze(key, depth + 1): freeze(item, depth + 1) for key, item in value.items()}
    if _has_columns(type(value)):
        return {name: freeze(value[name], depth + 1) for name in value.keys()}  # noqa: SIM118  # not a mapping
    if isinstance(value, list | tuple):
        return (
            type(value)(freeze(item, depth + 1) for item in value)
            if type(value) in {list, tuple}
            else tuple(freeze(item, depth + 1) for item in value)
        )
    if isinstance(value, set | frozenset):
        return frozenset(freeze(item, depth + 1) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and not hasattr(value, _MAPPED):
        return {field.name: freeze(getattr(value, field.name), depth + 1) for field in dataclasses.fields(value)}
    return _mapped(value, depth)


def _has_columns(kind: type) -> bool:
    """A row of a driver's own kind, such as `sqlite3.Row` and asyncpg's ``Record``."""
    return callable(getattr(kind, "keys", None)) and callable(getattr(kind, "__getitem__", None))


def _mapped(value: Any, depth: int) -> Any:
    try:
        state = inspect_mapped(value)
        columns = {column.key for column in state.mapper.column_attrs}
    except (NoInspectionAvailable, AttributeError):
        return _model(value, depth)
    loaded = {name: freeze(item, depth + 1) for name, item in sorted(state.dict.items()) if name in columns}
    return {"": type(value).__name__} | loaded


def _model(value: Any, depth: int) -> Any:
    """An object that says itself when it is equal to another (a pydantic model) is what its fields are."""
    if not hasattr(value, "__dict__") or isinstance(value, type) or not says_equal(value):
        return _ADDRESS.sub("", repr(value))
    shown = {name: freeze(part, depth + 1) for name, part in vars(value).items() if not name.startswith("_")}
    return {"": type(value).__name__} | shown


def hides(value: Any, depth: int = 0) -> str:
    """The class of the first object within a value whose content `freeze` does not show; empty where it shows all."""
    kind = type(value)
    known = isinstance(value, (*_PLAIN, BaseException, type)) or kind.__module__ in _SHOWN or hasattr(value, _MAPPED)
    parts: Iterable[Any] = ()
    if known or depth > _DEPTH:
        return ""
    if isinstance(value, Mapping):
        parts = (*value.keys(), *value.values())
    elif isinstance(value, list | tuple | set | frozenset | Row):
        parts = value
    elif dataclasses.is_dataclass(value):
        parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif hasattr(value, "__dict__") and says_equal(value):
        parts = vars(value).values()
    elif isinstance(value, Message) or not _has_columns(kind):  # of a mail only the headers are shown
        return kind.__qualname__
    return next((hidden for part in parts if (hidden := hides(part, depth + 1))), "")
