"""What one Call reads, writes and locks: the pattern of its text with the values of its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from acidity.core.call import Call
from acidity.prove.explore.classes.items import NOTHING, Item, Items, Whole, key_of, meet
from acidity.prove.explore.classes.schema import Schema
from acidity.prove.explore.classes.statement import Pattern, Spot, pattern_of
from acidity.prove.explore.classes.terms import words


class Unfit(Exception):  # noqa: N818 - a reason to run every schedule, not a mistake of somebody
    """Schedules of this program cannot be put into classes; the message says why."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a Call does to rows.

    Attributes:
        reads: what it reads without a lock.
        writes: what it inserts, changes or deletes.
        locks: what it locks for itself alone.
        shares: what it locks together with others.
        exact: it locks one row that is found by its key, and looks at nothing else.
        makes: it inserts or deletes rows.
        changes: it may change rows that are there.
        unmakes: it may delete rows, or give them other keys.
        tells: of what it matters in which order statements come, though no lock holds others off.
        may_idle: it may be answered without a look at its tables.
        wild: it may meet anything.
        idle: it looks at no row, and its transaction does not begin to see rows by it.
    """

    reads: Items = NOTHING
    writes: Items = NOTHING
    locks: Items = NOTHING
    shares: Items = NOTHING
    exact: bool = False
    makes: bool = False
    changes: bool = False
    unmakes: bool = False
    tells: Items = NOTHING
    may_idle: bool = False
    wild: bool = False
    idle: bool = False

    @property
    def all(self) -> Items:
        """Everything that it touches."""
        return self.reads | self.writes | self.locks | self.shares


class Reader:
    """Reads Calls, each text once.

    Args:
        schema: of the database.
        engine: its name.
        asks_time: the program asks what time it is.

    Attributes:
        grew: a text was read by which others tell more than was thought, since this was last set to False.
    """

    def __init__(self, schema: Schema, engine: str, *, asks_time: bool = False) -> None:
        self.schema = schema
        self.engine = engine
        self.grew = False
        self._patterns: dict[str, Pattern] = {}
        self._lies: frozenset[str] = frozenset()
        self._by_time = False
        self._takes_time = asks_time

    def read(self, call: Call) -> Footprint:
        """What a statement does.

        Raises:
            Unfit: it may do what no relation knows of.
        """
        pattern = self._pattern(call.sql)
        if pattern.unfit or call.opaque or (call.schema and not pattern.keeps):
            raise Unfit(pattern.unfit or f"{call.label[:40]!r} may do more than it says")
        every = call.params if call.many and isinstance(call.params, Sequence) else [call.params]

        def bound(spots: Iterable[Spot]) -> Items:
            return frozenset(_bound(spot, params) for spot in spots for params in every)

        exact = pattern.exact and not call.many
        writes, locks = bound(pattern.writes), bound(pattern.locks)
        exact = exact and not any(isinstance(item.key, Whole) for item in writes | locks)
        return Footprint(
            bound(pattern.reads),
            writes,
            locks,
            bound(pattern.shares),
            exact,
            pattern.makes,
            pattern.changes,
            pattern.unmakes,
            self._tells(writes),
            pattern.may_idle or any(map(partial(_asks_nothing, pattern), every)),
            pattern.wild,
            pattern.idle,
        )

    def look_at_view(self, text: str) -> str:
        """Take note of what a view asks; why it cannot be read as all tables, or nothing."""
        pattern = pattern_of(text, self.schema, self.engine)
        self._by_time |= pattern.by_time
        return pattern.unfit or ("more is asked than rows" if pattern.wild else "")

    def _pattern(self, sql: str) -> Pattern:
        pattern = self._patterns.get(sql)
        if pattern is None:
            pattern = self._patterns[sql] = pattern_of(sql, self.schema, self.engine)
            self.grew |= not pattern.lies <= self._lies
            self._lies |= pattern.lies
            self._by_time |= pattern.by_time
            self._takes_time |= pattern.takes_time and self.engine != "sqlite"  # where one writes at a time
        if self._by_time and self._takes_time:
            raise Unfit("rows are ordered by a time, and which of two is earlier no row tells")
        return pattern

    def _tells(self, writes: Items) -> Items:
        """Who wrote first to a table, where some text goes by how its rows lie there."""
        tables = {item.table.partition(":")[0] for item in writes} - {"*"}
        return frozenset(Item(f"#room {each}") for each in tables if not self._lies.isdisjoint({each, "*"}))

    def again(self, foot: Footprint, changed: Items) -> Footprint:
        """The same in a transaction that has changed rows before.

        PostgreSQL looks up the parent of a row that is changed a second time, whatever is changed (ri_triggers.c); that
        of one that the transaction has inserted is locked by it anyhow.
        """
        if self.engine != "postgresql" or not foot.changes:
            return foot
        twice = {item.table for item in foot.writes if meet(frozenset({item}), changed)}
        parents = {Item(f"{each.parent}:key") for table in twice for each in self.schema.parents_of(table)}
        return replace(foot, shares=foot.shares | parents, exact=False) if parents else foot


def _asks_nothing(pattern: Pattern, params: Any) -> bool:
    """Whether it compares with NULL, or asks for no row, by its parameters."""
    values = params.values() if isinstance(params, Mapping) else params if isinstance(params, list | tuple) else ()
    asked = (value for term in pattern.limits for value in ([None] if term is None else words([term], params)))
    return any(value is None for value in values) or any(value in {None, 0} for value in asked)


def _bound(spot: Spot, params: Any) -> Item:
    if spot.terms is None:
        return Item(spot.table, spot.whole)
    return Item(spot.table, key_of(zip(words(spot.terms, params), spot.sorts, strict=True)))
