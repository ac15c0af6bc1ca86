"""What a stored value is: its type and exact content as bytes, and whether it looks like a time, a UUID or a token."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

_ISO_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?)?"
    r"|\d\d:\d\d:\d\d(?:\.\d{1,9})?"
)
_WHOLE_SECOND = re.compile(r"[^.,]*\d\d:\d\d:\d\d(?:[.,]0+)?(?: ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")
_TOKEN = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_STEP_UP = re.compile(r"[a-z][A-Z]")
_STEPS_MIN = 3
_UUID_BYTES = 16
_ZONE = re.compile(r" ?(?:(Z|UTC)|([+-]\d\d(?::?\d\d)?))$")
_DAY = date.resolution.total_seconds()
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCHS = ((1.5e9, 2.5e9), (1.5e12, 2.5e12), (1.5e15, 2.5e15), (1.5e18, 2.5e18))


def encode(value: Any) -> bytes:
    """The type and content of a value as bytes; equal only for values that are stored alike.

    ``1``, ``1.0``, ``True``, ``"1"``, ``b"1"`` and ``Decimal(1)`` are all different. The scale of a Decimal, the
    offset in which an instant is written and the sign of zero are not part of the content.

    Args:
        value: what a driver returned for a column.

    Returns:
        Bytes that are the same in every process.
    """
    encoder = _ENCODERS.get(type(value))
    return encoder(value) if encoder else f"o{type(value).__qualname__}:{value!r}".encode(errors="surrogatepass")


def encode_all(values: Iterable[Any]) -> bytes:
    """Several values as bytes; where one ends and the next begins is part of the content."""
    return framed(map(encode, values))


def framed(parts: Iterable[bytes]) -> bytes:
    """Parts in one byte string from which they could be told apart again."""
    return b"".join([b"%d:%b" % (len(part), part) for part in parts])


def identity(value: Any) -> bytes:
    """The content of a generated value: one UUID is the same however it is written (see `shape`)."""
    digits = uuid_digits(value)
    return encode(value) if digits is None else b"U" + digits.encode()


def shape(value: Any) -> bytes:
    """How a generated value is written, which `identity` leaves out: its type and, for a UUID, its notation."""
    name = type(value).__name__.encode()
    if uuid_digits(value) is None or not isinstance(value, str):
        return name
    return b"%b%d%d" % (name, len(value), value.upper() == value)


def order_of(value: Any) -> tuple[int, Decimal, str]:
    """A key that sorts any mix of values: nothing first, then numbers by size, then all else by its text."""
    if value is None:
        return (0, Decimal(0), "")
    if isinstance(value, int | float | Decimal) and Decimal(value).is_finite():
        return (1, Decimal(value), "")
    return (2, Decimal(0), str(value))


def is_time(value: Any) -> bool:
    """Whether this is a date, a time of day or an instant, or ISO text of one."""
    if isinstance(value, str):
        return _ISO_TIME.fullmatch(value) is not None
    return isinstance(value, date | time)


def is_epoch(value: Any) -> bool:
    """Whether this number could be an instant of this century, in (milli-, micro-, nano-) seconds since 1970."""
    if type(value) not in {int, float, Decimal} or (isinstance(value, Decimal) and value.is_nan()):
        return False
    return any(low <= value <= high for low, high in _EPOCHS)


def is_whole_second(value: Any) -> bool:
    """Whether this is an instant without a fraction of a second, so that two runs in one second may agree on it."""
    if isinstance(value, datetime | time):
        return value.microsecond == 0
    if isinstance(value, str):
        return is_time(value) and _WHOLE_SECOND.fullmatch(value) is not None
    return is_epoch(value) and value == int(value)


def instant(value: Any) -> tuple[float, float] | None:
    """When this is, in seconds since 1970, and to how many seconds it was cut, as far as it shows: ``(…, 86400.0)``.

    Where it names no zone, that of Greenwich is taken: all that is asked for is how far two of a column are apart.

    Args:
        value: one of which `is_time` or `is_epoch` is true.

    Returns:
        None for a time of day, which is on no day.
    """
    seconds = _seconds(value)
    if seconds is None:
        return None
    return seconds, next((grain for grain in (_DAY, 3600.0, 60.0, 1.0) if seconds % grain == 0), 0.0)


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(_ZONE.sub(lambda zone: "Z" if zone[1] else zone[2], value))
        except ValueError:
            return None
    if isinstance(value, datetime):
        return ((value if value.tzinfo else value.replace(tzinfo=UTC)) - _1970).total_seconds()
    if isinstance(value, date):
        return (value - _1970.date()).total_seconds()
    if not is_epoch(value):
        return None
    unit = next(low / _EPOCHS[0][0] for low, high in _EPOCHS if low <= value <= high)
    return float(value) / unit


def is_opaque(value: Any) -> bool:
    """Whether this is a UUID or a token: 16 or more hex or base64 characters that are not words."""
    if uuid_digits(value) is not None:
        return True
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        return False
    # Words joined by hyphens, underscores or capitals have the same alphabet; random text has digits, or its case
    # changes all the time.
    return any(map(str.isdigit, value)) or len(_STEP_UP.findall(value)) >= _STEPS_MIN


def is_volatile(value: Any) -> bool:
    """Whether this is a time or opaque, so that two runs may differ in it and mean the same."""
    return is_time(value) or is_opaque(value)


def uuid_digits(value: Any) -> str | None:
    """The 32 lower-case digits of a UUID in any notation (object, text, 16 bytes), or None when it is none."""
    if isinstance(value, str):
        return value.replace("-", "").lower() if len(value) in {32, 36} and _UUID.fullmatch(value) else None
    if isinstance(value, UUID):
        return value.hex
    return value.hex() if isinstance(value, bytes) and len(value) == _UUID_BYTES else None


def _encode_decimal(value: Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    if isinstance(exponent, str):
        return f"n{value}".encode()
    text = "".join(map(str, digits)).lstrip("0")
    short = text.rstrip("0")
    return f"n{'-' if sign and short else ''}{short}e{exponent + len(text) - len(short) if short else 0}".encode()


def _encode_datetime(value: datetime) -> bytes:
    return (f"t{value.astimezone(UTC)}" if value.tzinfo else f"T{value}").encode()


def _encode_mapping(value: dict[Any, Any]) -> bytes:
    return b"m" + framed(sorted(framed((encode(key), encode(item))) for key, item in value.items()))


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"-",
    bool: lambda value: b"b%d" % value,
    int: lambda value: b"i%d" % value,
    float: lambda value: b"f" + repr(value + 0.0).encode(),
    str: lambda value: b"s" + value.encode(errors="surrogatepass"),
    bytes: lambda value: b"B" + value,
    bytearray: lambda value: b"B" + bytes(value),
    memoryview: lambda value: b"B" + bytes(value),
    Decimal: _encode_decimal,
    UUID: lambda value: b"u" + value.bytes,
    datetime: _encode_datetime,
    date: lambda value: b"d" + value.isoformat().encode(),
    time: lambda value: b"h" + value.isoformat().encode(),
    timedelta: lambda value: b"l" + repr(value).encode(),
    list: lambda value: b"[" + encode_all(value),
    tuple: lambda value: b"(" + encode_all(value),
    dict: _encode_mapping,
}
