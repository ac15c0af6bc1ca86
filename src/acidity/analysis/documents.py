"""JSON values as documents: their leaves by path (``$.items[*].sku``), read by the driver as text, bytes or parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from acidity.errors import UsageError

ROOT = ".$"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_INDEX = re.compile(r"\[\d+\]")


def document(value: Any) -> Any | None:
    """The object or array that a stored value is, or None when it is none."""
    if isinstance(value, dict | list):
        return value
    try:
        text = bytes(value).decode() if is_binary(value) else value
        if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
            return None
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) else None


def is_binary(value: Any) -> bool:
    """Whether a stored value is bytes."""
    return isinstance(value, bytes | bytearray | memoryview)


def parts(value: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """The parts of an object or array as (path, name or position, part), names sorted."""
    if isinstance(value, dict):
        for name in sorted(value, key=str):
            yield below(path, str(name)), name, value[name]
    else:
        for position, part in enumerate(value):
            yield f"{path}[*]", position, part


def below(path: str, name: str) -> str:
    """The path of a member; a name with dots or spaces is quoted.

    >>> below("payload.$", "id"), below("payload.$", "first name")
    ('payload.$.id', 'payload.$."first name"')
    """
    return f"{path}.{name if _PLAIN.fullmatch(name) else json.dumps(name)}"


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every leaf with its path; an empty object or array is one."""
    if not isinstance(value, dict | list) or not value:
        yield path, value
        return
    for inner, _, part in parts(value, path):
        yield from leaves(part, inner)


def split(name: str) -> tuple[str, str]:
    """A name in ``ignore=`` as the column and the path within it, which is empty for the whole column.

    >>> split("orders.payload.$.items[*].id"), split("orders.total")
    (('orders.payload', '.$.items[*].id'), ('orders.total', ''))

    Raises:
        UsageError: it names one element of an array.
    """
    column, root, path = name.partition(ROOT)
    if root and _INDEX.search(path):
        every = _INDEX.sub("[*]", path)
        raise UsageError(f"ignore={name!r} names one element of an array; write {column + root + every!r} for all")
    return column, root + path
