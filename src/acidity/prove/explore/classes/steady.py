"""Keys that are the same from run to run, and those that are not: a random one is another one each time.

What a step of one run touches is held against steps of other runs. So a key that is drawn anew in each of them cannot
be told apart from another one by its value, and counts as all of its table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from acidity.core.call import History, Kind
from acidity.prove.explore.classes.footprint import Footprint, Reader, Unfit
from acidity.prove.explore.classes.items import Item, Items, Whole


@dataclass(frozen=True, slots=True)
class Steady:
    """The parts of keys that came again.

    Attributes:
        values: of them.
    """

    values: frozenset[Any]

    def of(self, foot: Footprint) -> Footprint:
        """The same, where a key with another part counts as all of its table."""
        wide = replace(
            foot,
            reads=self._items(foot.reads),
            writes=self._items(foot.writes),
            locks=self._items(foot.locks),
            shares=self._items(foot.shares),
        )
        return foot if wide == foot else replace(wide, exact=False)

    def _items(self, items: Items) -> Items:
        return frozenset(item if self._is_steady(item) else Item(item.table) for item in items)

    def _is_steady(self, item: Item) -> bool:
        return isinstance(item.key, Whole) or self.values.issuperset(item.key)


def steady_of(orders: Iterable[Sequence[History]], reader: Reader) -> Steady:
    """What comes again of the runs of some order in which callers came one by one.

    Args:
        orders: the runs of each.
        reader: of their texts.
    """
    found: set[Any] = set()
    for runs in orders:
        found |= frozenset.intersection(*(frozenset(_values(run, reader)) for run in runs))
    return Steady(frozenset(found))


def _values(history: History, reader: Reader) -> Iterator[Any]:
    for event in history:
        if event.call.kind is Kind.STATEMENT:
            try:
                foot = reader.read(event.call)
            except Unfit:
                continue
            yield from (value for item in foot.all if not isinstance(item.key, Whole) for value in item.key)
