"""What a database session keeps beyond its transactions, so that the next user of a pooled connection meets it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class LeftKind(Enum):
    """The kinds of things that outlive a transaction on their connection; none is undone by ROLLBACK."""

    LOCK = "advisory lock"
    TABLE = "temporary table"
    DATABASE = "attached database"


@dataclass(frozen=True, slots=True, order=True)
class Left:
    """One thing that a session holds.

    Attributes:
        kind: what it is.
        name: as the program calls it: a key, a name, two keys with a comma; empty where the engine does not tell.
    """

    kind: LeftKind
    name: str
