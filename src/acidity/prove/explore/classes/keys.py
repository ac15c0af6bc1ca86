"""Keys that are the same from run to run, and those that are not: a random one is another one each time.

What a step of one run touches is held against steps of other runs. So a key that is drawn anew in each of them says
nothing by its value. A UUID goes by who used it first, and as which of his: whoever drew it does so before he has told
anybody. Any other key that does not come again counts as all of its table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from acidity.analysis.values import uuid_digits
from acidity.core.call import History, Kind
from acidity.prove.explore.classes.footprint import Footprint, Reader, Unfit
from acidity.prove.explore.classes.items import Item, Items, Whole

_RANDOM, _VARIANT = frozenset("1467"), frozenset("89ab")  # RFC 9562: versions that no two callers can both compute


class Keys:
    """What stands for the keys of a run in the footprints that are held against those of other runs.

    Args:
        values: the parts of keys that came again.
    """

    def __init__(self, values: frozenset[Any]) -> None:
        self.values = values
        self._names: dict[Any, object] = {}
        self._drawn: Counter[str] = Counter()
        self._before: set[Any] = set()

    def begin(self) -> None:
        """A run begins; what was random in the one before must not come again."""
        self._before |= self._names.keys()
        self.forget()

    def forget(self) -> None:
        """The run was one that is shown more than once, with other letters."""
        self._names.clear()
        self._drawn.clear()

    def of(self, foot: Footprint, name: str) -> Footprint:
        """The same with keys that mean the same in every run.

        Args:
            foot: of a Call.
            name: the letter of its caller.

        Raises:
            Unfit: what looks random came again.
        """
        wide = replace(
            foot,
            reads=self._items(foot.reads, name),
            writes=self._items(foot.writes, name),
            locks=self._items(foot.locks, name),
            shares=self._items(foot.shares, name),
        )
        if foot.exact and any(isinstance(item.key, Whole) for item in wide.writes | wide.locks):
            return replace(wide, exact=False)
        return wide

    def _items(self, items: Items, name: str) -> Items:
        return frozenset(self._item(item, name) for item in items)

    def _item(self, item: Item, name: str) -> Item:
        if isinstance(item.key, Whole) or self.values.issuperset(item.key):
            return item
        key = tuple(self._part(part, name) for part in item.key)
        return Item(item.table, Whole.ALL if None in key else key)

    def _part(self, value: Any, name: str) -> object:
        if value in self.values:
            return value
        if value not in self._names and _is_random(value):
            if value in self._before:
                raise Unfit("a key that looks random comes again")
            self._drawn[name] += 1
            self._names[value] = _RANDOM, name, self._drawn[name]
        return self._names.get(value)


def _is_random(value: Any) -> bool:
    digits = uuid_digits(value)
    return digits is not None and digits[12] in _RANDOM and digits[16] in _VARIANT


def keys_of(orders: Iterable[Sequence[History]], reader: Reader) -> Keys:
    """What comes again of the runs of some order in which callers came one by one.

    Args:
        orders: the runs of each.
        reader: of their texts.
    """
    found: set[Any] = set()
    for runs in orders:
        found |= frozenset.intersection(*(frozenset(_values(run, reader)) for run in runs))
    return Keys(frozenset(found))


def _values(history: History, reader: Reader) -> Iterator[Any]:
    for event in history:
        if event.call.kind is Kind.STATEMENT:
            try:
                foot = reader.read(event.call)
            except Unfit:
                continue
            yield from (value for item in foot.all if not isinstance(item.key, Whole) for value in item.key)
