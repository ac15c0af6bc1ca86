"""The programs of textbooks in every style, through every driver, on every engine and level: right verdict, right name.

One table says what goes wrong where; style and driver change nothing of it. `tests.quality.styles` has the programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from acidity import prove
from acidity.core.report import Report
from tests.quality.contested import CONTESTED, EQUAL
from tests.quality.styles import ASYNC, PROGRAMS, SYNC, scenario_of

DRIVERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sqlite": {"sqlite": SYNC, "sqlite+aiosqlite": ASYNC},
    "postgresql": {"postgresql": (*SYNC, *ASYNC), "postgresql+psycopg2": SYNC, "postgresql+asyncpg": ASYNC},
    "mariadb": {"mariadb": SYNC, "mariadb+mysqldb": SYNC, "mariadb+aiomysql": ASYNC},
}

# What goes wrong, by engine and level, or for SQLite its journal mode; what is not named passes. SQLite under the drivers'
# own transactions, which begin before a write and not before a read, so that a lock of a read locks nothing.
DEADLOCK = {"deadlock": "deadlock"}
ANOMALIES = ("lost update", "write skew", "phantom", "read skew", "duplicate insert", "stale check")
COMMITTED = {name: name for name in ANOMALIES} | DEADLOCK
SQLITE = {name: name for name in ANOMALIES} | {"FOR UPDATE": "lost update"}
SNAPSHOT = {name: name for name in ("write skew", "phantom", "duplicate insert")} | DEADLOCK
WRONG: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("sqlite", "delete"): SQLITE,
    ("sqlite", "wal"): SQLITE,
    ("postgresql", "READ COMMITTED"): COMMITTED,
    ("postgresql", "REPEATABLE READ"): SNAPSHOT,
    ("postgresql", "SERIALIZABLE"): DEADLOCK,
    ("mariadb", "READ UNCOMMITTED"): COMMITTED,
    ("mariadb", "READ COMMITTED"): COMMITTED,
    ("mariadb", "REPEATABLE READ"): {name: code for name, code in COMMITTED.items() if name != "read skew"},
    # Whoever writes what two have read waits for the other one.
    ("mariadb", "SERIALIZABLE"): {name: "deadlock" for name in COMMITTED if name != "read skew"},
}


def explored(scenario: prove.Scenario, db: str, level: str) -> Report:
    if db.startswith("sqlite"):
        return prove.explore(scenario, db=db, settings={"journal_mode": level})
    return prove.explore(scenario, db=db, isolation_level=level)


def require(report: Report, wrong: str, undecided: tuple[str, ...] = ()) -> None:
    """An anomaly is an error with this name, a deadlock a warning that passes, and nothing is nothing at all.

    With `undecided` not every schedule has to be known, for one of these reasons; what is wrong is found all the same.
    """
    errors = {finding.anomaly for finding in report.findings if finding.severity == "error"}
    warnings = {finding.word for finding in report.findings if finding.severity == "warning"}
    fails = wrong not in {"", "deadlock"}
    assert all(any(reason in each for reason in undecided) for each in report.unknowns), str(report)
    assert report.verdict == ("fail" if fails else "unknown" if report.unknowns else "pass"), str(report)
    assert wrong in errors if fails else not errors, str(report)
    assert warnings <= {"deadlock"}, str(report)
    assert fails or report.unknowns or ("deadlock" in warnings) is (wrong == "deadlock"), str(report)
    assert {finding.severity for finding in report.findings} <= {"error", "warning"}


QUICK = ("delete", "wal", "READ COMMITTED")


def cells() -> Iterator[object]:
    """Each program through each driver at each level, in turn in one of the driver's styles; in all others by hand."""
    for turn, (engine, level) in enumerate(WRONG):
        for db, styles in DRIVERS[engine].items():
            for number, name in enumerate(PROGRAMS):
                for style in styles:
                    marks = () if level in QUICK and name != "version check" else (pytest.mark.slow,)
                    marks = marks if style == styles[(turn + number) % len(styles)] else (pytest.mark.large,)
                    yield pytest.param(name, style, db, level, marks=marks, id=f"{name}-{style}-{db}-{level}")


@pytest.mark.one_in(12)
@pytest.mark.parametrize(("name", "style", "db", "level"), list(cells()))
def test_the_same_in_every_style(name: str, style: str, db: str, level: str) -> None:
    report = explored(scenario_of(name, style, db), db, level)
    require(report, WRONG[db.partition("+")[0], level].get(name, ""))
    (schedules, _) = report.bounds
    assert schedules.covered == schedules.total == report.runs > 0


def test_no_program_goes_without_a_place_where_it_passes_and_one_where_it_does_not() -> None:
    """But the three that are right everywhere; FOR UPDATE asks SQLite for nothing."""
    for name in PROGRAMS:
        said = {bool(WRONG[where].get(name)) for where in WRONG}
        assert said == ({False} if name in {"guarded UPDATE", "version check", "insert or get"} else {True, False})


# The programs whose classes are counted, of two callers and of three

LOST = (
    "lost update",
    "two transfers, same accounts",
    "opposite transfers, ORM",
    "lost update, three callers",
    "three bookings of a seat",
    "two, lost update",
    "three, lost update",
    "three, booking",
)
LOCKED = ("FOR UPDATE", "two, FOR UPDATE", "three, FOR UPDATE")
OPPOSITE = dict.fromkeys(("opposite transfers, Core", "opposite transfers, ORM"), "deadlock")
UNLOCKED = {"write skew": "write skew", "two transfers and an audit": "read skew"} | dict.fromkeys(LOST, "lost update")
SEEN_AT_ONCE = {name: anomaly for name, anomaly in UNLOCKED.items() if anomaly != "read skew"}
WHILE_COUNTED: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("sqlite", "delete"): UNLOCKED | dict.fromkeys(LOCKED, "lost update"),
    ("sqlite", "wal"): UNLOCKED | dict.fromkeys(LOCKED, "lost update"),
    ("postgresql", "READ COMMITTED"): OPPOSITE | UNLOCKED,
    ("postgresql", "REPEATABLE READ"): {"write skew": "write skew"} | OPPOSITE,
    ("postgresql", "SERIALIZABLE"): OPPOSITE,
    ("mariadb", "READ UNCOMMITTED"): OPPOSITE | UNLOCKED,
    ("mariadb", "READ COMMITTED"): OPPOSITE | UNLOCKED,
    ("mariadb", "REPEATABLE READ"): OPPOSITE | SEEN_AT_ONCE,
    ("mariadb", "SERIALIZABLE"): OPPOSITE | dict.fromkeys(SEEN_AT_ONCE, "deadlock"),
}
MANY = ("lost update, three callers", "three bookings of a seat")  # schedules, on servers
# Of three callers there are more schedules at the first two levels than are run; and which of three is a deadlock's victim on
# MariaDB is not the same in every run.
NOT_ALL = {("postgresql", "SERIALIZABLE"), *(each for each in WHILE_COUNTED if each[0] == "mariadb")}
REASONS = ("no more runs were asked for", "not deterministic")


def counted() -> Iterator[object]:
    for db, level in WHILE_COUNTED:
        for name, scenario in {**CONTESTED, **EQUAL}.items():
            marks = () if level == "delete" and len(scenario.operations) == 2 else (pytest.mark.slow,)
            marks = (pytest.mark.large,) if name in MANY and db != "sqlite" else marks
            yield pytest.param(name, db, level, marks=marks, id=f"{name}-{db}-{level}")


@pytest.mark.one_in(13)
@pytest.mark.parametrize(("name", "db", "level"), list(counted()))
def test_what_is_counted_has_the_right_verdict(name: str, db: str, level: str) -> None:
    scenario = {**CONTESTED, **EQUAL}[name]
    undecided = REASONS if len(scenario.operations) == 3 and (db, level) in NOT_ALL else ()
    require(explored(scenario, db, level), WHILE_COUNTED[db, level].get(name, ""), undecided)


def test_each_that_is_counted_has_one() -> None:
    assert {name for wrong in WHILE_COUNTED.values() for name in wrong} <= {*CONTESTED, *EQUAL}
