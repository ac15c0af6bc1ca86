"""Short forms of requests, and results as JSON: the same tomorrow, and in another process."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from acidity.errors import UsageError

_PLAIN = (str, int, float, bool, type(None))


def digest(*parts: str) -> str:
    """One short text for several."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def fingerprint_of(name: str, arguments: Any) -> str:
    """A short form of a request: the function and its arguments.

    Raises:
        UsageError: an argument has no text form that is the same tomorrow.
    """
    try:
        text = json.dumps(_lasting(arguments), sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"with idempotency_key= this must be plain JSON: {error}") from error
    return digest(name, text)


def _lasting(value: Any) -> Any:
    """The value as JSON can hold it, in an order that no process chooses.

    Raises:
        TypeError: its text names a place in memory.
    """
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Enum):
        return [_name(value), value.name]
    if isinstance(value, list | tuple):
        return [_lasting(each) for each in value]
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {key: _lasting(each) for key, each in value.items()}
        return ["mapping", _sorted([_lasting(key), _lasting(each)] for key, each in value.items())]
    if isinstance(value, set | frozenset):
        return ["set", _sorted(_lasting(each) for each in value)]
    if dataclasses.is_dataclass(value):
        return [_name(value), {each.name: _lasting(getattr(value, each.name)) for each in dataclasses.fields(value)}]
    if repr(value).startswith("<"):
        raise TypeError(f"{type(value).__name__} has no text form that is the same tomorrow; pass its id instead")
    fields = getattr(value, "__dict__", None)
    return [_name(value), _lasting(fields)] if fields else repr(value)


def _sorted(values: Any) -> list[Any]:
    return sorted(values, key=lambda each: json.dumps(each, sort_keys=True))


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def exact_json(value: Any, what: str) -> str:
    """The value as JSON text from which it comes back as it is, its types included.

    Raises:
        UsageError: it would not.
    """
    try:
        text = json.dumps(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} must be plain JSON: {error}") from error
    if not _is_same(json.loads(text), value):
        raise UsageError(f"{what} must be plain JSON, so that it comes back as it was stored: {value!r:.80} would not")
    return text


def _is_same(back: Any, value: Any) -> bool:
    """Whether both are equal and of the same types: ``Color.RED == "red"``, and is another thing to who gets it."""
    if type(back) is not type(value):
        return False
    if isinstance(back, dict):
        return back.keys() == value.keys() and all(_is_same(back[key], value[key]) for key in back)
    if isinstance(back, list):
        return len(back) == len(value) and all(map(_is_same, back, value))
    return bool(back == value)
