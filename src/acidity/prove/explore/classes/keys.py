"""Keys that are the same from run to run, and those that are not: a random one is another one each time.

What a step of one run touches is held against steps of other runs. So a key that is drawn anew in each of them says
nothing by its value. A UUID goes by whose parameter it was first, and as which of his: whoever drew it does so before
he has told anybody. Any other key that does not come again is all of its table, one that the database drew, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from acidity.analysis.values import uuid_digits
from acidity.core.call import Event, History, Kind
from acidity.prove.explore.classes.footprint import Footprint, Reader, Unfit
from acidity.prove.explore.classes.items import Item, Items, Whole

_RANDOM, _VARIANT = frozenset("1467"), frozenset("89ab")  # RFC 9562: versions that no two callers can both compute


class Keys:
    """What stands for the keys of a run in the footprints that are held against those of other runs.

    Args:
        values: the parts of keys that came again.
        constants: UUIDs that did, as parameters.
    """

    def __init__(self, values: frozenset[Any], constants: frozenset[Any] = frozenset()) -> None:
        self.values = values
        self._known = values | constants
        self._names: dict[Any, object] = {}
        self._drawn: Counter[str] = Counter()
        self._before: set[Any] = set()
        self._again = False

    def begin(self, *, again: bool = False) -> None:
        """A run begins; what was random in the one before must not come again, but in a run that is shown again."""
        self._before |= self._names.keys()
        self._again = again
        self.forget()

    def forget(self) -> None:
        """The run was one that is shown more than once, with other letters."""
        self._names.clear()
        self._drawn.clear()

    def hear(self, events: Iterable[Event]) -> None:
        """A caller has read the rows that these gave; a UUID in them that was nobody's parameter is the database's."""
        for event in events:
            for value in map(_text, leaves(event.reply.rows)):
                if value not in self._known and _is_random(value):
                    self._names.setdefault(value, None)

    def tell(self, params: Any, name: str) -> None:
        """A caller passes these parameters, of which the UUIDs that are new are his.

        Raises:
            Unfit: what looks random came again.
        """
        for value in map(_text, leaves(params)):
            if value not in self._known and value not in self._names and _is_random(value):
                if value in self._before and not self._again:
                    raise Unfit("a key that looks random comes again")
                self._drawn[name] += 1
                self._names[value] = _RANDOM, name, self._drawn[name]

    def of(self, foot: Footprint) -> Footprint:
        """The same with keys that mean the same in every run, once their parameters were told."""
        wide = replace(
            foot,
            reads=self._items(foot.reads),
            writes=self._items(foot.writes),
            locks=self._items(foot.locks),
            shares=self._items(foot.shares),
        )
        if foot.exact and any(isinstance(item.key, Whole) for item in wide.writes | wide.locks):
            return replace(wide, exact=False)
        return wide

    def _items(self, items: Items) -> Items:
        return frozenset(map(self._item, items))

    def _item(self, item: Item) -> Item:
        if isinstance(item.key, Whole) or self.values.issuperset(item.key):
            return item
        key = tuple(part if part in self.values else self._names.get(part) for part in item.key)
        return Item(item.table, Whole.ALL if None in key else key)


def _text(value: Any) -> Any:
    """As it stands in keys."""
    return value.casefold() if isinstance(value, str) else value


def _is_random(value: Any) -> bool:
    digits = uuid_digits(value)
    return digits is not None and digits[12] in _RANDOM and digits[16] in _VARIANT


def keys_of(orders: Iterable[Sequence[History]], reader: Reader) -> Keys:
    """What comes again of the runs of some order in which callers came one by one.

    Args:
        orders: the runs of each.
        reader: of their texts.
    """
    keys: set[Any] = set()
    constants: set[Any] = set()
    for runs in orders:
        keys |= frozenset.intersection(*(frozenset(_values(run, reader)) for run in runs))
        told = [frozenset(filter(_is_random, map(_text, leaves([event.call.params for event in run])))) for run in runs]
        constants |= frozenset.intersection(*told)
    return Keys(frozenset(keys), frozenset(constants))


def _values(history: History, reader: Reader) -> Iterator[Any]:
    for event in history:
        if event.call.kind is Kind.STATEMENT:
            try:
                foot = reader.read(event.call)
            except Unfit:
                continue
            yield from (value for item in foot.all if not isinstance(item.key, Whole) for value in item.key)


def leaves(value: Any) -> Iterator[Any]:
    """What stands in parameters or rows."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        yield value
        return
    for each in value:
        yield from leaves(each)
