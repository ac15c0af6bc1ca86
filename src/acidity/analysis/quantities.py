"""Which columns count money or stock, judged by their names, and numbers without the noise of binary floats."""

from __future__ import annotations

import re
from decimal import Decimal

MONEY, STOCK, OTHER = range(3)
_KNOWN = (
    # money
    frozenset(
        {"amount", "balance", "price", "total", "subtotal", "paid", "pay", "cost", "fee", "credit", "debit", "money"}
        | {"cent", "paise", "sum", "due", "owed", "fund", "salary", "refund", "refunded", "charge", "charged", "tax"}
        | {"payout", "wallet", "spent", "budget", "fare", "deposit", "point"}
    ),
    # stock
    frozenset(
        {"stock", "quantity", "qty", "seat", "available", "inventory", "sold", "reserved", "remaining", "unit"}
        | {"capacity", "place"}
    ),
)
# What `paid_at` or `price_id` holds is neither, whatever the other words say.
_NEITHER = frozenset({"id", "at", "by", "on", "date", "time", "type", "status"})
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


def rank(column: str) -> tuple[int, str]:
    """Sorts columns: those of money first, then those of stock, then all others.

    >>> rank("unitPrice"), rank("seats_left")[0] == STOCK, rank("paid_at")[0] == OTHER
    ((0, 'unitPrice'), True, True)
    """
    words = [word.lower() for word in _WORDS.findall(column)]
    if not words or words[-1] in _NEITHER:
        return OTHER, column
    forms = {*words, *(word.removesuffix("s") for word in words)}
    return next((kind for kind, known in enumerate(_KNOWN) if known & forms), OTHER), column


def is_money(column: str) -> bool:
    """Whether the name of this column says money."""
    return rank(column)[0] == MONEY


def number_in(value: object) -> Decimal | None:
    """The number that a value holds, or None. Exact decimals are also kept as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        number = Decimal(f"{value:.15g}")
    elif isinstance(value, int | Decimal):
        number = Decimal(value)
    else:
        return Decimal(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None
    return number if number.is_finite() else None


def difference(old: object, new: object) -> Decimal | None:
    """How much a value grew, or None when one of the two is no number."""
    one, other = number_in(old), number_in(new)
    if one is None or other is None:
        return None
    # Decimals keep the places they are written with; those of a float mean nothing.
    return (other - one).normalize() if isinstance(old, float) or isinstance(new, float) else other - one


def plain(number: Decimal) -> str:
    """A number without an exponent."""
    return f"{number:f}"


def shown(value: object) -> str:
    """A value as people write it: ``100`` for the float 100.0."""
    number = number_in(value) if isinstance(value, float) else None
    return str(value) if number is None else plain(number)
