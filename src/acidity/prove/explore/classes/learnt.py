"""What the runs so far have shown of transactions, before they begin anew."""

from __future__ import annotations

from collections.abc import Mapping

from acidity.prove.explore.classes.items import EVERYTHING, NOTHING, Items
from acidity.prove.explore.classes.transaction import Wire


class Learnt:
    """What transactions touch, as all runs so far have shown it.

    Args:
        refuses: whether that is known beforehand.
        autocommits: whether this is.

    Attributes:
        grew: a transaction has touched more than was known of it, since this was last set to False.
        autocommits: a statement was seen to commit by itself, so that locks may be let go at once.
        refuses: a Call may be refused, at once or soon, that was thought to wait.
    """

    def __init__(self, *, refuses: bool = False, autocommits: bool = False) -> None:
        self.grew = False
        self.autocommits = autocommits
        self.refuses = refuses
        self._touched: dict[tuple[str, int, int], Items] = {}

    def of(self, wire: Wire, number: int) -> Items:
        """What this transaction of a connection touches; everything, if it is not known yet."""
        return self._touched.get((*wire, number), EVERYTHING)

    def learn(self, touched: Mapping[tuple[str, int, int], Items]) -> None:
        """The transactions of one whole run have touched these."""
        for key, items in touched.items():
            known = self._touched.get(key)
            self.grew |= known is not None and not items <= known
            self._touched[key] = items | (known or NOTHING)
