"""Texts that set the isolation level of a transaction: nothing to look at where it is the one that all have."""

from __future__ import annotations

from acidity.prove.explore.classes.footprint import Footprint, Unfit
from acidity.prove.explore.classes.transaction import Wire
from acidity.prove.explore.own_level import level_set_by


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
        found = level_set_by(sql)
        if found is None:
            return False
        if found.level != self._level:
            raise Unfit(f"a transaction is set to {found.level}, and others are at {self._level or 'their own level'}")
        self._is_set = True
        (self._sessions if found.lasts else self._transactions).add(wire)
        return True

    def require(self, wire: Wire, foot: Footprint) -> None:
        """A statement is asked; where levels are set, that of its own has to be.

        Raises:
            Unfit: it is not, so that its connection's may be another one.
        """
        if self._is_set and not foot.idle and wire not in self._sessions | self._transactions:
            raise Unfit("one transaction sets its isolation level, and another one does not")
