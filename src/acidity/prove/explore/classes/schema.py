"""What of a schema decides which steps meet: keys, unique keys, foreign keys, triggers; and what is not modelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key.

    Attributes:
        table: the one that refers.
        columns: of it.
        parent: the table that is referred to.
        parent_columns: of that; ``*`` stands for its primary key.
    """

    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """One table.

    Attributes:
        key: the columns of its primary key; empty where it has none.
        sorts: column → ``number`` or ``text``, for those whose values can be told apart.
        uniques: the columns of each other unique index; None where it goes by what is computed, or holds some rows.
        triggers: it has some, so that a write to it does what no text shows.
        by_name: the columns of each unique index of columns alone that holds for all rows, but the primary key's.
        numbers: column → what hands out its numbers where it is given none; without those of a key of its own.
    """

    key: tuple[str, ...] = ()
    sorts: Mapping[str, str] = field(default_factory=dict)
    uniques: tuple[tuple[str, ...] | None, ...] = ()
    triggers: bool = False
    by_name: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Schema:
    """All tables, by name in lower case.

    Attributes:
        tables: what each is.
        references: every foreign key.
        unfit: what is there that no relation knows of; empty where there is nothing of the kind.
        views: their names.
        times: the names of all columns of a date or a time.
        floats: the names of all columns of floating numbers.
        texts: what the views ask.
        clocked: tables into which the database may write what time it is.
        indexes: table → the columns of each index, where a foreign key's check is made for all columns of its index.
        there: what a SQLite file has when a run begins: ``table q``, ``index i``, ``journal_mode wal``.
    """

    tables: Mapping[str, Described]
    references: tuple[Reference, ...] = ()
    unfit: str = ""
    views: frozenset[str] = frozenset()
    times: frozenset[str] = frozenset()
    floats: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    clocked: frozenset[str] = frozenset()
    indexes: Mapping[str, tuple[frozenset[str], ...]] = field(default_factory=dict)
    there: frozenset[str] = frozenset()

    def parents_of(self, table: str) -> tuple[Reference, ...]:
        """The foreign keys of a table."""
        return tuple(each for each in self.references if each.table == table)

    def looked_up_for(self, each: Reference) -> frozenset[str]:
        """The columns of which a new value has the parent looked up.

        InnoDB makes a new entry of the foreign key's index, for which it looks, also if another column of that index
        has changed, or the primary key, which every entry holds.
        """
        columns = frozenset(each.columns)
        beside = [index for index in self.indexes.get(each.table, ()) if index & columns]
        return columns.union(*beside, self.tables[each.table].key if beside else ())

    def children_of(self, table: str) -> tuple[Reference, ...]:
        """The foreign keys that refer to a table."""
        return tuple(each for each in self.references if each.parent == table)

    def beneath(self, table: str) -> frozenset[str]:
        """The tables whose rows a DELETE or a change of keys of this one may read, change or delete, over any number
        of foreign keys.
        """
        found: set[str] = set()
        left = [table]
        while left:
            for each in self.children_of(left.pop()):
                if each.table not in found:
                    found.add(each.table)
                    left.append(each.table)
        return frozenset(found)

    def is_referred_to(self, table: str, columns: frozenset[str]) -> bool:
        """Whether a foreign key refers to one of these columns."""
        return any(columns & set(each.parent_columns) or "*" in each.parent_columns for each in self.children_of(table))
