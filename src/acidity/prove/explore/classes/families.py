"""The relation of each engine and level. A pass may rest on one only if `fit` has it as measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from acidity.core.call import Kind
from acidity.prove.explore.classes.items import meet, tables_meet
from acidity.prove.explore.classes.relation import Relation, Rule, commit_shows, effects_meet, end_lets_go, locks_meet
from acidity.prove.explore.classes.step import Part

_EVERYWHERE: Mapping[str, Rule] = {
    "locks_meet": locks_meet,
    "end_lets_go": end_lets_go,
    "effects_meet": effects_meet,
}
_COMMITTED = {**_EVERYWHERE, "commit_shows": commit_shows}

READ_COMMITTED = Relation("each statement sees what is committed", _COMMITTED)
"""PostgreSQL."""

LOCKING_COMMITTED = replace(
    READ_COMMITTED, name="the same, and a statement that writes locks what it reads", shares_reads="writing"
)
"""MariaDB: no gap is locked but by a look for duplicates and foreign keys, for which an INSERT counts as a write of the
whole table. What a writing statement asks in a subquery is locked even at this level."""


def commit_meets_reader(one: Part, other: Part) -> bool:
    """With a rollback journal a COMMIT waits until nobody reads, and keeps new readers out while it waits."""
    return bool(one.publishes) and other.kind.value != "savepoint"


SQLITE_JOURNAL = Relation(
    "one writer, whose COMMIT waits for readers",
    {**_EVERYWHERE, "commit_meets_reader": commit_meets_reader},
)


def commit_meets_snapshot(one: Part, other: Part) -> bool:
    """A transaction that has seen the rows before a COMMIT cannot write, or reads what has changed."""
    return bool(one.publishes) and other.snapshot is not None and meet(one.publishes, other.snapshot)


_SNAPSHOT = {**_EVERYWHERE, "commit_meets_snapshot": commit_meets_snapshot}

SQLITE_WAL = Relation("one writer, and readers of a snapshot", _SNAPSHOT, snapshots="statement")


SNAPSHOT = Relation("the rows of the first statement", _SNAPSHOT, snapshots="statement")
"""PostgreSQL at REPEATABLE READ."""


def end_tells(one: Part, other: Part) -> bool:
    """A conflict is between two of which neither had ended when the other one's view was taken, and nobody has taken
    back what he touched; of two in a row it tells who of the three committed first. And an end lets go of locks.
    """
    if not _ends(one):
        return False
    touched, foot = one.releases | one.unshares | one.read, other.foot
    on_tables = tables_meet(touched, foot.writes | foot.locks) or tables_meet(one.releases, foot.all)
    return on_tables or other.snapshot is not None or _ends(other)


def conflict_meets_call(one: Part, other: Part) -> bool:
    """A write and another statement on its table make a conflict, whichever comes second; and for one somebody may be
    refused: who makes it or commits with it, or another one at whatever he asks next.
    """
    if tables_meet(one.foot.writes, other.foot.all):
        return True
    return one.entangled and (other.ends or (other.kind is Kind.STATEMENT and not other.foot.idle))


def _ends(part: Part) -> bool:
    """Whether a transaction that has touched something ends here, be it of one statement."""
    return bool(part.publishes or part.releases or part.read or part.unshares)


SERIALIZABLE_SNAPSHOT = Relation(
    "the rows of the first statement; conflicts in a row are refused",
    {
        "locks_meet": locks_meet,
        "effects_meet": effects_meet,
        "end_tells": end_tells,
        "conflict_meets_call": conflict_meets_call,
    },
    snapshots="statement",
    hands_over=False,
    refuses_conflicts=True,
)
"""PostgreSQL at SERIALIZABLE."""

LOCKING_SNAPSHOT = Relation(
    "the rows of the first plain read; who writes looks at the last ones",
    _SNAPSHOT,
    snapshots="read",
    shares_reads="writing",
)
"""MariaDB at REPEATABLE READ: an INSERT counts as a write of the whole table, and so meets what is locked in gaps."""


def write_meets_read(one: Part, other: Part) -> bool:
    """A read sees what is not committed yet."""
    return meet(one.foot.writes, other.foot.reads)


def undone_meets_read(one: Part, other: Part) -> bool:
    """A read sees what is taken back."""
    return one.ends and meet(one.releases, other.foot.reads)


UNCOMMITTED = Relation(
    "each statement sees what is written",
    {**_EVERYWHERE, "write_meets_read": write_meets_read, "undone_meets_read": undone_meets_read},
    shares_reads="writing",
)
"""MariaDB at READ UNCOMMITTED."""

LOCKING_READS = Relation(
    "every read locks",
    _EVERYWHERE,
    hands_over=False,
    shares_reads="all",
)
"""MariaDB at SERIALIZABLE, inside transactions. No program is known that loses an outcome where a wait is handed over;
that none is, is for safety, and costs only schedules."""

_FAMILIES: Mapping[tuple[str, str], Relation] = {
    ("sqlite", "delete"): SQLITE_JOURNAL,
    ("sqlite", "wal"): SQLITE_WAL,
    ("postgresql", "READ COMMITTED"): READ_COMMITTED,
    ("mariadb", "READ COMMITTED"): LOCKING_COMMITTED,
    ("postgresql", "REPEATABLE READ"): SNAPSHOT,
    ("postgresql", "SERIALIZABLE"): SERIALIZABLE_SNAPSHOT,
    ("mariadb", "REPEATABLE READ"): LOCKING_SNAPSHOT,
    ("mariadb", "READ UNCOMMITTED"): UNCOMMITTED,
    ("mariadb", "SERIALIZABLE"): LOCKING_READS,
}


def family_of(engine: str, level: str) -> Relation | None:
    """The relation that holds; None where none does.

    Args:
        engine: its name.
        level: the isolation level, or for SQLite the journal mode.
    """
    return _FAMILIES.get((engine, level))
