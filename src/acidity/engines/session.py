"""What a database session keeps beyond its transactions, so that the next user of a pooled connection meets it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class LeftKind(Enum):
    """The kinds of things that outlive a transaction on their connection; none is undone by ROLLBACK."""

    LOCK = "advisory lock"
    TABLE = "temporary table"
    DATABASE = "attached database"

    def takes(self, sql: str) -> bool:
        """Whether a statement asks for one.

        Args:
            sql: the statement.

        >>> LeftKind.LOCK.takes("SELECT pg_try_advisory_lock(42)")
        True
        >>> LeftKind.LOCK.takes("SELECT pg_advisory_xact_lock(42)")
        False
        """
        return bool(_TAKES[self].search(sql))

    @classmethod
    def told_in(cls, leaks: Iterable[str]) -> LeftKind | None:
        """The kind of thing that a leak tells of; None where all of them are open transactions.

        Args:
            leaks: in words.
        """
        return next((kind for kind in cls for leak in leaks if f" {kind.value}" in leak), None)


_TAKES = {
    LeftKind.LOCK: re.compile(r"\bpg_(?:try_)?advisory_lock(?:_shared)?\s*\(|\bget_lock\s*\(", re.IGNORECASE),
    LeftKind.TABLE: re.compile(r"\btemp(?:orary)?\b", re.IGNORECASE),
    LeftKind.DATABASE: re.compile(r"\battach\b", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True, order=True)
class Left:
    """One thing that a session holds.

    Attributes:
        kind: what it is.
        name: as the program calls it: a key, a name, two keys with a comma; empty where the engine does not tell.
    """

    kind: LeftKind
    name: str
