"""Values of any type as JSON has them, with the types beside them that JSON lacks, so that they can be read back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from acidity.report.values import json_ready

Types = dict[str, str]  # a path such as /params/0 → the name of a type
_LONGEST = 4096  # characters of a text that becomes a value of another type


def plain(value: object, types: Types, path: str) -> Any:
    """The value for JSON; the types of what JSON cannot say are noted by path.

    A value of a class that is not listed here becomes its text, and stays that.

    >>> noted = {}
    >>> plain((Decimal("1.50"), b"x"), noted, "/params"), noted
    (['1.50', '0x78'], {'/params': 'tuple', '/params/0': 'decimal', '/params/1': 'bytes'})
    """
    name = _type_of(value)
    if name:
        types[path] = name
    if isinstance(value, Mapping):
        return {
            str(json_ready(key)): plain(item, types, f"{path}/{_escaped(str(json_ready(key)))}")
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(item, types, f"{path}/{number}") for number, item in enumerate(value)]
    if isinstance(value, timedelta):
        return f"{value.days} {value.seconds} {value.microseconds}"
    return json_ready(value)


def typed(value: Any, types: Mapping[str, str], path: str) -> Any:
    """What `plain` was given.

    Raises:
        ValueError: a text is none of the type that is noted for it.
    """
    if isinstance(value, dict):
        value = {key: typed(item, types, f"{path}/{_escaped(key)}") for key, item in value.items()}
    elif isinstance(value, list):
        value = [typed(item, types, f"{path}/{number}") for number, item in enumerate(value)]
    name = types.get(path)
    if name is None:
        return value
    if name not in _READERS:
        raise ValueError(f"{name!r} at {path} is no type of a value")
    if isinstance(value, str) and len(value) > _LONGEST and name != "bytes":
        raise ValueError(f"the {name} at {path} has {len(value)} characters")
    try:
        return _READERS[name](value)
    except (TypeError, ArithmeticError, AttributeError) as error:
        raise ValueError(f"no {name} at {path}: {error}") from None


def _type_of(value: object) -> str:
    if isinstance(value, tuple):
        return "tuple"
    if isinstance(value, bytes | bytearray | memoryview):
        return "bytes"
    if isinstance(value, float) and not math.isfinite(value):
        return "float"
    name = next((name for kind, name in _NAMES.items() if isinstance(value, kind)), "")
    return f"{name}.fold" if isinstance(value, datetime | time) and value.fold else name


def _timedelta(text: str) -> timedelta:
    days, seconds, microseconds = map(int, text.split(" "))
    return timedelta(days, seconds, microseconds)


_NAMES: Mapping[type, str] = {
    Decimal: "decimal",
    datetime: "datetime",  # before date, of which it is one
    date: "date",
    time: "time",
    timedelta: "timedelta",
    UUID: "uuid",
}
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "tuple": tuple,
    "bytes": lambda text: bytes.fromhex(text.removeprefix("0x")),
    "float": float,
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime.fold": lambda text: datetime.fromisoformat(text).replace(fold=1),
    "time.fold": lambda text: time.fromisoformat(text).replace(fold=1),
    "timedelta": _timedelta,
    "uuid": UUID,
}


def _escaped(key: str) -> str:
    """A key as a JSON Pointer has it."""
    return key.replace("~", "~0").replace("/", "~1")
