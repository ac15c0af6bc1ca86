"""Keep an operation's answer as a plain value, so that it can be compared long after its session is closed."""

from __future__ import annotations

import dataclasses
import inspect
import io
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.message import Message
from enum import Enum
from typing import Any

from sqlalchemy import inspect as inspect_mapped
from sqlalchemy.engine import Result, Row
from sqlalchemy.exc import NoInspectionAvailable

from acidity.adapters.site import is_user_code
from acidity.analysis.answers import says_equal
from acidity.core.outcome import ReturnedError

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_MAPPED = "_sa_instance_state"  # what SQLAlchemy keeps in an object; asking for its attributes may ask the database
_SHOWN = frozenset({"decimal", "datetime", "uuid", "fractions"})
_LOCAL = "<locals>"
_DEPTH = 8
_PLAIN = (str, bytes, int, float, complex, bool, type(None), Enum)


def freeze(value: Any, hidden: list[str] | None = None, within: tuple[Any, ...] = ()) -> Any:
    """A copy made of plain containers; mapped objects become their loaded columns, strange ones their repr.

    Args:
        value: what was answered or told.
        hidden: gets the classes of objects within it whose content the copy does not show.
        within: what the value is in, from without; one that is in itself is only named there.
    """

    def part(inner: Any) -> Any:
        return freeze(inner, hidden, (*within, value))

    if isinstance(value, Enum) and not isinstance(value, str | int) and _LOCAL in type(value).__qualname__:  # made anew
        return str(value)
    if isinstance(value, _PLAIN) or type(value).__module__ in _SHOWN:
        return value
    if any(value is each for each in within):
        return f"<{type(value).__name__}>"
    if len(within) > _DEPTH:
        return _shown(value, hidden)
    if isinstance(value, BaseException):
        return ReturnedError(type(value).__name__, without_address(repr(value)))
    if isinstance(value, Row):
        return tuple(map(part, value))
    if isinstance(value, Result):
        return _shown(value, hidden)
    if isinstance(value, io.BytesIO | io.StringIO) and not value.closed:
        return value.getvalue()
    if isinstance(value, memoryview):
        return value.tobytes()
    if isinstance(value, Mapping):
        return {part(key): part(item) for key, item in value.items()}
    if isinstance(value, Message):  # a mail, of which only the headers are columns
        return {"headers": part(value.items()), "content": part(value.get_payload())}
    if _has_columns(type(value)):
        return {name: part(value[name]) for name in value.keys()}  # noqa: SIM118  # not a mapping
    if isinstance(value, list | tuple):
        return type(value)(map(part, value)) if type(value) in {list, tuple} else tuple(map(part, value))
    if isinstance(value, set | frozenset):
        return frozenset(map(part, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and not hasattr(value, _MAPPED):
        return {field.name: part(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return _mapped(value, hidden, part)


def _shown(value: Any, hidden: list[str] | None) -> str:
    """What an object says of itself, which need not be what is in it."""
    said = repr(value)
    if hidden is not None and not isinstance(value, type) and not _tells(value, said):
        hidden.append(type(value).__qualname__)
    return without_address(said)


def without_address(text: str) -> str:
    """A text without the addresses of objects, which are other ones in each run."""
    return _ADDRESS.sub("", text)


def _tells(value: Any, said: str) -> bool:
    """Whether what an object says of itself is what is in it: no address, and each of its plain attributes."""
    plain = (each for each in _attributes(value).values() if isinstance(each, _PLAIN) and each is not None)
    return not _ADDRESS.search(said) and all(str(each) in said for each in plain)


def _has_columns(kind: type) -> bool:
    """A row of a driver's own kind, such as `sqlite3.Row` and asyncpg's ``Record``."""
    return callable(getattr(kind, "keys", None)) and callable(getattr(kind, "__getitem__", None))


def _mapped(value: Any, hidden: list[str] | None, part: Callable[[Any], Any]) -> Any:
    try:
        state = inspect_mapped(value)
        columns = {column.key for column in state.mapper.column_attrs}
    except (NoInspectionAvailable, AttributeError):
        return _model(value, hidden, part)
    loaded = {name: part(item) for name, item in sorted(state.dict.items()) if name in columns}
    return {"": type(value).__name__} | loaded


def _model(value: Any, hidden: list[str] | None, part: Callable[[Any], Any]) -> Any:
    """An object that says itself when it is equal to another (a pydantic model) is what its fields are; so is one of a
    class of the program's that says nothing at all.
    """
    said = hasattr(value, "__dict__") and says_equal(value)
    own = {} if isinstance(value, type) else _attributes(value)
    if not (own and (said or _says_nothing(value))):
        return _shown(value, hidden)
    return {"": type(value).__name__} | {name: part(each) for name, each in own.items()}


def _attributes(value: Any) -> dict[str, Any]:
    kinds = type(value).__mro__
    slots = [name for kind in kinds for name in _as_names(vars(kind).get("__slots__", ())) if hasattr(value, name)]
    own = {name: getattr(value, name) for name in slots} | getattr(value, "__dict__", {})
    return {name: each for name, each in own.items() if not name.startswith(("__", "_sa_"))}


def _as_names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _says_nothing(value: Any) -> bool:
    """Whether it is of a class of the program's that shows nothing but an address."""
    kind = type(value)
    if callable(value) or any("__repr__" in vars(each) for each in kind.__mro__[:-1]):
        return False
    with suppress(TypeError, OSError):  # a class of no file
        return is_user_code(inspect.getfile(kind))
    return False
