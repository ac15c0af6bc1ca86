"""The open transaction of one connection, as far as the turns of a run have shown it."""

from __future__ import annotations

from dataclasses import dataclass

from acidity.prove.explore.classes.items import NOTHING, WRITER, Items, Whole, meet

Wire = tuple[str, int]  # caller, connection


@dataclass(slots=True)
class Transaction:
    """What is known of it.

    Attributes:
        number: how many this connection had before.
        writes, locks, shares, reads: what it has touched, as in `Footprint`.
        made: rows that it has made, or not found.
        gone: rows that it may have deleted, or given other keys.
        changed: rows that were there, and that it has changed.
        begun: it is open.
        sees: its view of the rows is taken.
        asked: a statement was asked in it since it was open, which may have taken locks.
        shaken: something of it was taken back.
        wild: it may have touched anything.
    """

    number: int = 0
    writes: Items = NOTHING
    locks: Items = NOTHING
    shares: Items = NOTHING
    reads: Items = NOTHING
    made: Items = NOTHING
    gone: Items = NOTHING
    changed: Items = NOTHING
    begun: bool = False
    sees: bool = False
    asked: bool = False
    shaken: bool = False
    wild: bool = False

    @property
    def all(self) -> Items:
        """Everything that it has touched."""
        return self.writes | self.locks | self.shares | self.reads

    @property
    def held(self) -> Items:
        """The rows that it has locked since it found them."""
        if self.shaken or self.wild:
            return NOTHING
        return frozenset(
            item
            for item in (self.writes | self.locks) - self.made
            if item == WRITER or not (isinstance(item.key, Whole) or meet(frozenset({item}), self.gone))
        )
