"""Programs of two or three callers that are aimed at one rule or attribute of a relation: without it an outcome is missed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tests.quality.random_callers import LEVELS
from tests.quality.random_steps import Program

UNMEASURED = (("mariadb", "READ UNCOMMITTED"),)


class Aimed(NamedTuple):
    """Programs, and what is planted: the name of a rule that is left out, another value of what stands beside the rules
    (``attribute=value``), or something else in `PLANTS`.
    """

    plant: str
    programs: tuple[Program, ...]


def both(one: tuple[object, ...], other: tuple[object, ...], ends: str = "commit") -> tuple[Program, ...]:
    return Program(one, ends), Program(other)  # type: ignore[arg-type]


TAKERS = both((("take", 1, 8),), (("take", 1, 8),))
LOCKERS = both((("lock", 1), ("lock", 2)), (("lock", 2), ("lock", 1)))
READER = both((("add", 1, 5),), (("read", 1), ("read", 1)))
REFUSED = Program((("add", 1, 5),), "rollback"), Program((("begin", ""), ("read", 1), ("add", 1, 5)), "rollback")
SNAPSHOT = both((("add", 1, 5),), (("begin", ""), ("read", 3), ("add", 2, 5)))
TWO_READS = both((("add", 1, 5),), (("read", 3), ("read", 1)))
TAKEN_BACK = both((("add", 1, 5),), (("read", 1), ("read", 1)), "rollback")
SKIPS = both((("lock", 1),), (("skip", 1),))
OPPOSITE = both((("add", 1, 5), ("add", 2, 5)), (("add", 2, 1), ("add", 1, 1)))
CHILD = both((("child", 2, 2, 2),), (("drop", 2),))
SAME_VALUE = both((("rekey", 1, 9),), (("rekey", 5, 9),))
WATCHED = both((("watched", 5),), (("take", 3, 31),))
VIEW = both((("add", 1, 50),), (("view",), ("view",)))
COUNTED = both((("set", 1, 50), ("child", 2, 2, 3)), (("counted", 1),))
SUBQUERY = both((("counted", 1), ("set", 2, 5)), (("drop_group", 1), ("add", 1, 1)))

# PostgreSQL looks the parent up when a row is changed a second time.
TWICE = both((("skip", 1),), (("rekey", 1, 3), ("inside", ("rekey", 1, 2), "")))

TOLD = both((("tell",),), (("tell",),))

# B has read what C made before it was there, and C has committed. For the second conflict, of A with B's DELETE, B is refused:
# there if A has read before, else at whatever B asks after A has read.
DOOMED = (
    Program((("count", "n"),)),
    Program((("count", "k"), ("drop_child", 5), ("tried", ("read", 1)))),
    Program((("made",),)),
)
UNLESS_TAKEN_BACK = (
    Program((("count", "n"),), "rollback"),
    Program((("count", "k"), ("tried", ("drop_child", 5)))),
    Program((("made",),)),
)
WHO_COMMITTED_FIRST = (
    Program((("count", "n"),)),
    Program((("made",),)),
    Program((("count", "c"), ("count", "k"), ("drop_child", 5))),
)
# A has read what B then made not so, and has changed the row that B changes: as B waits for it, A is refused what it asks next.
REFUSED_WHILE_WAITED_FOR = both(
    (("count", "n"), ("tell",), ("tried", ("add", 1, 5)), ("count", "w")),
    (("drop_child", 5), ("commit",), ("count", "c"), ("tell",), ("add", 1, 7)),
    "rollback",
)

# The view is taken by the read that comes last, or by the write that comes first.
LATE_VIEW = both((("lock", 2), ("tell",), ("read", 1)), (("tell",), ("add", 1, 5)))
EARLY_VIEW = both((("add", 3, 1), ("read", 1)), (("add", 1, 5),))
EARLY_VIEW_BESIDE = both((("made",), ("read", 1)), (("add", 1, 5),))
# The first statement takes the view in which the trigger of the second one finds what another one has changed.
EARLY_VIEW_OF_A_TRIGGER = both((("take", 1, 15), ("watched", 1)), (("lock", 2), ("set", 3, 1)))
READS_ON = both((("read", 3), ("read", 1)), (("add", 1, 5),))
SKIPS_READ = both((("drop_group", 1),), (("skip", 1),))
READS_PARENT = both((("child", 2, 2, 2),), (("count", "n"), ("add", 2, 5)))

SERVERS = [
    Aimed("effects_meet", TOLD),
    Aimed("locks_meet", TAKERS),
    Aimed("commit_shows", READER),
    Aimed("end_lets_go", SKIPS),
    Aimed("references", CHILD),
    Aimed("uniques", SAME_VALUE),
    Aimed("triggers", WATCHED),
    Aimed("views", VIEW),
]
SNAPSHOTS = [Aimed("commit_meets_snapshot", TWO_READS) if aimed.plant == "commit_shows" else aimed for aimed in SERVERS]
AIMED = {
    ("sqlite", "delete"): [
        Aimed("effects_meet", TOLD),
        Aimed("locks_meet", TAKERS),
        Aimed("end_lets_go", REFUSED),
        Aimed("commit_meets_reader", READER),
    ],
    ("sqlite", "wal"): [
        Aimed("effects_meet", TOLD),
        Aimed("locks_meet", TAKERS),
        Aimed("end_lets_go", REFUSED),
        Aimed("commit_meets_snapshot", SNAPSHOT),
        Aimed("snapshots=", SNAPSHOT),
        Aimed("views", VIEW),
    ],
    ("postgresql", "READ COMMITTED"): [*SERVERS, Aimed("exact", COUNTED), Aimed("again", TWICE)],
    ("mariadb", "READ COMMITTED"): [*SERVERS, Aimed("shares_reads=", SUBQUERY)],
    ("postgresql", "REPEATABLE READ"): [
        *SNAPSHOTS,
        Aimed("again", TWICE),
        Aimed("snapshots=", TWO_READS),
        Aimed("snapshots=read", EARLY_VIEW),
        Aimed("anything", EARLY_VIEW_OF_A_TRIGGER),
    ],
    ("mariadb", "REPEATABLE READ"): [
        *SNAPSHOTS,
        Aimed("snapshots=", TWO_READS),
        Aimed("snapshots=statement", LATE_VIEW),
        Aimed("shares_reads=", SUBQUERY),
        Aimed("shares_reads=all", READS_ON),
    ],
    ("postgresql", "SERIALIZABLE"): [
        Aimed("effects_meet", TOLD),
        Aimed("locks_meet", LOCKERS),
        Aimed("end_tells", SKIPS),
        Aimed("conflict_meets_call", DOOMED),
        Aimed("snapshots=", EARLY_VIEW_BESIDE),
        Aimed("snapshots=read", EARLY_VIEW_BESIDE),
        Aimed("hands_over=True", REFUSED_WHILE_WAITED_FOR),
        Aimed("refuses_conflicts=False", DOOMED),
    ],
    ("mariadb", "READ UNCOMMITTED"): [
        Aimed("effects_meet", TOLD),
        Aimed("locks_meet", TAKERS),
        Aimed("end_lets_go", SKIPS),
        Aimed("write_meets_read", READER),
        Aimed("undone_meets_read", TAKEN_BACK),
        Aimed("shares_reads=", SKIPS_READ),
    ],
    ("mariadb", "SERIALIZABLE"): [
        Aimed("effects_meet", TOLD),
        Aimed("locks_meet", TAKERS),
        Aimed("end_lets_go", SKIPS),
        Aimed("shares_reads=", READER),
        Aimed("shares_reads=writing", READER),
    ],
}

# What stands beside the rules of a relation: the values of each attribute, those first that have fewer schedules run.
BESIDE: Mapping[str, tuple[object, ...]] = {
    "snapshots": ("", "read", "statement"),
    "two_waits": (False, True),
    "hands_over": (True, False),
    "shares_reads": ("", "writing", "all"),
    "refuses_conflicts": (False, True),
}

# Values that no known program needs. They are kept for safety, and cost nothing but schedules.
EVERY_LEVEL = (*LEVELS, *UNMEASURED)
BY_CHOICE: Mapping[str, tuple[tuple[str, str], ...]] = {
    # A wait that closes a cycle has the engine's answer in its step, which meets everything.
    "two_waits=False": EVERY_LEVEL,
    # A deadlock that is seen ends all handing over by itself, as at REPEATABLE READ.
    "hands_over=True": (("mariadb", "SERIALIZABLE"),),
    # Each statement of SQLite reads or takes the place of the one writer.
    "snapshots=read": (("sqlite", "wal"),),
}
