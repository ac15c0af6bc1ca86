"""The name of a branch, by which any connection can find and finish it.

PostgreSQL takes fewer than 200 bytes, an XA name of MariaDB 64 in its first part; the second part stays empty and the
format is 1, as SQLAlchemy sends it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

PREFIX = "acidity_"
_FORM = re.compile(rf"{PREFIX}([0-9a-f]{{12}})_([0-9a-f]{{32}})_(\d{{1,3}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Gid:
    """Which branch of which decision of which coordinator.

    Attributes:
        coordinator: the id in `acidity.run.tables.coordinator`.
        decision: the key in `acidity.run.tables.decision`.
        number: of the branch.

    Example:
        >>> str(Gid("0" * 12, "1" * 32, 2))
        'acidity_000000000000_11111111111111111111111111111111_2'
    """

    coordinator: str
    decision: str
    number: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The name that this text is; None for the names of others.

        >>> Gid.parse("_sa_1") is None
        True
        """
        found = _FORM.fullmatch(text)
        return cls(found[1], found[2], int(found[3])) if found else None

    def __str__(self) -> str:
        return f"{PREFIX}{self.coordinator}_{self.decision}_{self.number}"
