"""Every run of a Lab begins where the first one began, in what no row shows, too: where rows lie, and what is locked.

Rows that are deleted and put back are the same rows, and another database: slots are used anew, so that the next run locks
in another order; and what is deleted, and not purged yet, keeps gaps apart. So a Lab's Sandbox truncates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

import pytest

from acidity.prove import Scenario
from acidity.prove.explore.every import Chooser
from acidity.prove.explore.lab import Lab, Played
from acidity.prove.stage.stage import Stage
from tests.quality.callers import SCENARIOS
from tests.quality.meetings import Meeting
from tests.tiers import SERVERS

RUNS = 60
PLACE = {  # of a table's file, which TRUNCATE makes anew
    "postgresql": "SELECT relfilenode FROM pg_class WHERE relname = 'accounts'",
    "mariadb": "SELECT SPACE FROM information_schema.INNODB_SYS_TABLES WHERE NAME LIKE '{}/accounts'",
}


@contextmanager
def lab_of(scenario: Scenario, db: str, level: str | None = None) -> Iterator[Lab]:
    with Stage(scenario, db, {}, level, 30.0) as stage:
        yield Lab(stage, scenario.operations)


@pytest.mark.one_server
@pytest.mark.parametrize("db", SERVERS)
def test_what_a_run_has_changed_is_truncated(db: str) -> None:
    with lab_of(SCENARIOS["guarded"], db) as lab:
        (part,) = lab.stage.parts.values()
        places = set()
        for _ in range(3):
            lab.serially(lab.names[:1])
            places.add(part.ask(PLACE[db].format(part.database))[0][0])  # type: ignore[attr-defined]
    assert len(places) == 3


# A page of PostgreSQL has room for some runs with rows as wide as these; then it is tidied up, and its slots are used anew.
WIDE = ", ".join(f"({key}, 0, repeat('{key}', 300))" for key in (1, 2, 3))
AS_THEY_LIE = Meeting(
    "rows are locked as they lie",
    ("postgresql",),
    ("CREATE TABLE g (k INTEGER PRIMARY KEY, v INTEGER, w TEXT)", f"INSERT INTO g VALUES {WIDE}"),
    ("UPDATE g SET v = v + 1 WHERE k = 1", "commit", "UPDATE g SET v = v + 1 WHERE v < 9"),
    ("UPDATE g SET v = v + 1 WHERE k = 1", "UPDATE g SET v = v + 1 WHERE k = 3"),
)
IN_A_GAP = Meeting(
    "a row is put into a gap that somebody locks",
    ("mariadb",),
    ("CREATE TABLE g (k INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO g VALUES (1, 1), (3, 3), (9, 9)"),
    ("SELECT v FROM g WHERE k = 5 FOR UPDATE", "INSERT INTO g VALUES (5, 5)"),
    ("INSERT INTO g VALUES (6, 6)",),
)


def told(played: Played) -> tuple[object, ...]:
    """Who was let go, who waited, and how each ended."""
    waits = tuple(turn.actor for turn in played.trace.turns if turn.waits)
    endings = [(name, each.exception, repr(each.answer)) for name, each in sorted(played.endings.items())]
    return played.trace.grants, waits, *endings


@pytest.mark.dear
@pytest.mark.parametrize(
    ("meeting", "db", "level", "prefix", "waits"),
    [
        (AS_THEY_LIE, "postgresql", "READ COMMITTED", "AABAB", ("A",)),
        (IN_A_GAP, "mariadb", "REPEATABLE READ", "AB", ("B",)),
    ],
    ids=SERVERS,
)
def test_who_waits_for_whom_is_the_same_in_every_run(
    meeting: Meeting, db: str, level: str, prefix: Sequence[str], waits: tuple[str, ...]
) -> None:
    with ExitStack() as stack:
        lab = stack.enter_context(lab_of(meeting.scenario(), db, level))
        if db == "mariadb":
            stack.enter_context(nothing_is_purged(lab))
        runs = [told(lab.run(Chooser(tuple(prefix)))) for _ in range(RUNS)]
    assert runs[0][1] == waits
    assert set(runs) == {runs[0]}


@contextmanager
def nothing_is_purged(lab: Lab) -> Iterator[None]:
    """Somebody has a view of the rows on the same server, as is usual on one with more work."""
    (part,) = lab.stage.parts.values()
    with closing(part.connect_admin()) as connection, connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        yield
