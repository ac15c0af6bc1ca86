"""What steps of callers meet on: a row by its key, all rows of a table, a value of a unique key, the writer of a file.

Two `Item`s meet unless they are surely apart. So whatever is not known for certain is *all* of its table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


class Whole(Enum):
    """Instead of a key.

    Attributes:
        ALL: every row of the table, those included that are not there yet.
        NEW: a row whose key the database makes, so that it is not known beforehand.
    """

    ALL = "all"
    NEW = "new"


Key = tuple[Any, ...] | Whole


@dataclass(frozen=True, slots=True)
class Item:
    """Something that several callers may read, write or lock.

    Attributes:
        table: its table, or what stands in for one (``orders:key`` for what foreign keys refer to); ``*`` is every one.
        key: which row of it.
    """

    table: str
    key: Key = Whole.ALL

    def meets(self, other: Item) -> bool:
        """Whether the two may be one."""
        if self.table != other.table:
            return "*" in {self.table, other.table}
        if isinstance(self.key, Whole) or isinstance(other.key, Whole):
            return True
        return self.key == other.key


Items = frozenset[Item]
NOTHING: Items = frozenset()
EVERYTHING = frozenset({Item("*")})
WRITER = Item("#writer")  # of a database file there is one at a time


def meet(some: Items, others: Items) -> bool:
    """Whether any of the first meets any of the second."""
    if not some or not others:
        return False
    if not some.isdisjoint(others):
        return True
    return any(one.meets(other) for one in some for other in others)


def tables_meet(some: Items, others: Items) -> bool:
    """Whether both are of one table, by what stands in for it, too."""
    mine, theirs = ({item.table.partition(":")[0] for item in items} for items in (some, others))
    return bool(mine and theirs) and ("*" in mine | theirs or not mine.isdisjoint(theirs))


def key_of(values: Iterable[tuple[Any, str]]) -> Key:
    """The key that has these values, each with the sort of its column; ALL where two texts of it may be one key.

    Whole numbers are what they are. Of text, letters and digits differ under every collation if they differ without
    regard to case; nothing is said of accents, spaces and signs.
    """
    found: list[Any] = []
    for value, sort in values:
        if sort == "number" and isinstance(value, int) and not isinstance(value, bool):
            found.append(value)
        elif sort == "text" and isinstance(value, str) and _PLAIN.fullmatch(value):
            found.append(value.casefold())
        else:
            return Whole.ALL
    return tuple(found)
