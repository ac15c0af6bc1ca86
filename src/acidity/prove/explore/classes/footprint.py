"""What one Call reads, writes and locks: the pattern of its text with the values of its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
    """

    def __init__(self, schema: Schema, engine: str) -> None:
        self.schema = schema
        self.engine = engine
        self._patterns: dict[str, Pattern] = {}

    def read(self, call: Call) -> Footprint:
        """What a statement does.

        Raises:
            Unfit: it may do what no relation knows of.
        """
        pattern = self._patterns.get(call.sql)
        if pattern is None:
            pattern = self._patterns[call.sql] = pattern_of(call.sql, self.schema, self.engine)
        if pattern.unfit or call.opaque or call.schema:
            raise Unfit(pattern.unfit or f"{call.label[:40]!r} may do more than it says")
        every = call.params if call.many and isinstance(call.params, Sequence) else [call.params]

        def bound(spots: Iterable[Spot]) -> Items:
            return frozenset(_bound(spot, params) for spot in spots for params in every)

        exact = pattern.exact and not call.many
        writes, locks = bound(pattern.writes), bound(pattern.locks)
        exact = exact and not any(isinstance(item.key, Whole) for item in writes | locks)
        reads, shares = bound(pattern.reads), bound(pattern.shares)
        return Footprint(
            reads, writes, locks, shares, exact, pattern.makes, pattern.changes, pattern.wild, pattern.idle
        )

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


def _bound(spot: Spot, params: Any) -> Item:
    if spot.terms is None:
        return Item(spot.table, spot.whole)
    return Item(spot.table, key_of(zip(words(spot.terms, params), spot.sorts, strict=True)))
