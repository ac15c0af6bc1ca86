"""Values of any type (a row's, a parameter, an answer) as something that prints the same in every process."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

from acidity.core.params import text_of
from acidity.report.secret import masked


def described(value: object) -> str:
    """The value for people: its repr without memory addresses, passwords masked.

    >>> described(Decimal("50.00"))
    "Decimal('50.00')"
    """
    return masked(text_of(value))


def json_ready(value: object) -> object:
    r"""The value for JSON; what JSON has no type for becomes a string.

    >>> json_ready({"amount": Decimal("50.00"), "blob": b"\x01"})
    {'amount': '50.00', 'blob': '0x01'}
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return json_ready(value.value)
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return "0x" + bytes(value).hex()
    if isinstance(value, Mapping):
        return {_key(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((json_ready(item) for item in value), key=str)
    if isinstance(value, Sequence):
        return [json_ready(item) for item in value]
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | UUID | timedelta) else described(value)


def _key(key: object) -> str:
    ready = json_ready(key)
    return ready if isinstance(ready, str) else str(ready)
