"""Which transactions of a run may have a *conflict*: one reads what the other one writes, and neither sees the other.

At SERIALIZABLE, PostgreSQL refuses transactions for two conflicts in a row, whichever of three transactions they are
between (Ports and Grittner, *Serializable Snapshot Isolation in PostgreSQL*, VLDB 2012, and ``predicate.c``). What it
locks against being written is rows, pages or tables, as memory and plans have it; here it is tables, and who writes
counts as one who reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from acidity.prove.explore.classes.footprint import Footprint
from acidity.prove.explore.classes.items import NOTHING, Items, tables_meet
from acidity.prove.explore.classes.transaction import Wire


@dataclass(slots=True)
class _Seen:
    """A transaction.

    Attributes:
        began: when its view of the rows was taken.
        ended: when it committed; None as long as it is open.
        touched: what it has read or written.
        writes: what it has written.
    """

    began: int
    ended: int | None = None
    touched: Items = NOTHING
    writes: Items = NOTHING

    def is_beside(self, other: _Seen) -> bool:
        """Whether neither ended before the other one began."""
        return (self.ended is None or self.ended > other.began) and (other.ended is None or other.ended > self.began)


class Conflicts:
    """Those of one run.

    Args:
        count: they matter; otherwise there are none.
    """

    def __init__(self, *, count: bool) -> None:
        self._count = count
        self._now = 0
        self._seen: dict[tuple[Wire, int], _Seen] = {}

    def begin(self) -> None:
        """A run begins."""
        self._now, self._seen = 0, {}

    def ask(self, wire: Wire, number: int, foot: Footprint) -> bool:
        """A statement of a transaction is asked, or answered late.

        Returns:
            Whether it may make a conflict.
        """
        if not self._count:
            return False
        self._now += 1
        mine = self._seen.setdefault((wire, number), _Seen(self._now))
        mine.touched |= foot.all
        mine.writes |= foot.writes
        return self._conflicts(foot.all, foot.writes, mine)

    def has(self, wire: Wire, number: int) -> bool:
        """Whether a transaction may have made one, or somebody else one with it."""
        mine = self._seen.get((wire, number))
        return mine is not None and self._conflicts(mine.touched, mine.writes, mine)

    def end(self, wire: Wire, number: int, *, committed: bool) -> None:
        """A transaction ends; what was taken back is forgotten, and what was committed is not."""
        self._now += 1
        if committed and (mine := self._seen.get((wire, number))) is not None:
            mine.ended = self._now
        else:
            self._seen.pop((wire, number), None)

    def _conflicts(self, touched: Items, writes: Items, mine: _Seen) -> bool:
        return any(
            tables_meet(touched, other.writes) or tables_meet(other.touched, writes)
            for other in self._seen.values()
            if other is not mine and mine.is_beside(other)
        )
