"""Texts that set the isolation level of a transaction: nothing to look at where it is the one that all have."""

from __future__ import annotations

import re

from acidity.prove.explore.classes.footprint import Footprint, Unfit
from acidity.prove.explore.classes.transaction import Wire

_SETS = re.compile(
    r"\s*set\s+(?P<session>session\s+)?(?:characteristics\s+as\s+)?transaction\s+isolation\s+level\s+"
    r"(?P<level>(?:read|repeatable|serializable)[\w\s]*?)\s*;?\s*",
    re.IGNORECASE,
)


class Levels:
    """What is known of the levels of the connections of one run.

    Args:
        level: that of all transactions, as far as each caller alone has shown.
    """

    def __init__(self, level: str) -> None:
        self._level = level
        self._is_set = False  # by anybody in any run
        self._sessions: set[Wire] = set()
        self._transactions: set[Wire] = set()

    def begin(self) -> None:
        """A run begins."""
        self._sessions.clear()
        self._transactions.clear()

    def ended(self, wire: Wire) -> None:
        """A transaction of this connection has ended."""
        self._transactions.discard(wire)

    def sets(self, wire: Wire, sql: str) -> bool:
        """Whether a text does nothing but set the level, and to the one that all have.

        Raises:
            Unfit: to another one.
        """
        found = _SETS.fullmatch(sql)
        if found is None:
            return False
        level = " ".join(found["level"].upper().split())
        if level != self._level:
            raise Unfit(f"a transaction is set to {level}, and others are at {self._level or 'their own level'}")
        self._is_set = True
        (self._sessions if found["session"] else self._transactions).add(wire)
        return True

    def require(self, wire: Wire, foot: Footprint) -> None:
        """A statement is asked; where levels are set, that of its own has to be.

        Raises:
            Unfit: it is not, so that its connection's may be another one.
        """
        if self._is_set and not foot.idle and wire not in self._sessions | self._transactions:
            raise Unfit("one transaction sets its isolation level, and another one does not")
