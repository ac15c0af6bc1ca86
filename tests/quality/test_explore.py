"""What explore says of programs that textbooks know, wrong ones and right ones, on each engine and level."""

from __future__ import annotations

from functools import cache

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from tests.quality.callers import (
    SCENARIOS,
    Account,
    Conflict,
    at_once,
    audit_at_once,
    sell,
    withdraw,
    withdraw_guarded,
    withdraw_versioned,
)
from tests.tiers import SERVERS

# What goes wrong, by engine and level; what is not named passes. SQLite under the driver's own transactions, which
# begin before a write and not before a read, so that a lock of a read locks nothing.
SQLITE = {
    "lost update": "lost update",
    "lost update of two amounts": "lost update",
    "locked": "lost update",
    "stale identity map": "lost update",
    "write skew": "write skew",
    "write skew locked": "write skew",
    "duplicate insert": "duplicate insert",
    "checked insert": "stale check",
    "phantom": "phantom",
    "stale check": "stale check",
    "read skew": "read skew",
    "non-repeatable read": "non-repeatable read",
}
READ_COMMITTED = {name: anomaly for name, anomaly in SQLITE.items() if name not in {"locked", "write skew locked"}}
SNAPSHOT = {name: name for name in ("write skew", "duplicate insert", "phantom")} | {"checked insert": "stale check"}
MARIADB_REPEATABLE_READ = {
    name: anomaly for name, anomaly in READ_COMMITTED.items() if name not in {"read skew", "non-repeatable read"}
}
READ_UNCOMMITTED = READ_COMMITTED | {"dirty read": "aborted read", "read at once": "dirty read"}
WRONG = {
    ("sqlite", ""): SQLITE,
    ("postgresql", "READ COMMITTED"): READ_COMMITTED,
    ("postgresql", "REPEATABLE READ"): SNAPSHOT,
    ("postgresql", "SERIALIZABLE"): {},
    ("mariadb", "READ UNCOMMITTED"): READ_UNCOMMITTED,
    ("mariadb", "READ COMMITTED"): READ_COMMITTED,
    ("mariadb", "REPEATABLE READ"): MARIADB_REPEATABLE_READ,
    ("mariadb", "SERIALIZABLE"): {},
}
CHEAP = ("lost update", "locked", "guarded")  # on each server by default


def cells() -> list[object]:
    found = []
    for db, level in WRONG:
        for name in SCENARIOS:
            default = db == "sqlite" or (name in CHEAP and level in {"READ COMMITTED", "REPEATABLE READ"})
            default = default and (db, level) != ("mariadb", "READ COMMITTED")
            marks = () if default else (pytest.mark.slow,)
            found.append(pytest.param(name, db, level, marks=marks, id=f"{name}-{db}-{level}"))
    return found


@cache
def explored(name: str, db: str, level: str = "") -> Report:
    return prove.explore(SCENARIOS[name], db=db, isolation_level=level or None)


@pytest.mark.one_in(5)
@pytest.mark.one_server
@pytest.mark.parametrize(("name", "db", "level"), cells())
def test_verdict_and_name(name: str, db: str, level: str) -> None:
    report = explored(name, db, level)
    errors = [finding.anomaly for finding in report.findings if finding.severity == "error"]
    wrong = WRONG[db, level].get(name)
    assert report.unknowns == ()
    assert (report.verdict, wrong in {None, *errors}) == ("fail" if wrong else "pass", True), str(report)
    (schedules, _) = report.bounds
    assert schedules.covered == schedules.total == report.runs > 0


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.one_server
def test_a_deadlock_is_a_warning_with_both_lines(db: str) -> None:
    report = explored("deadlock", db)
    (warning,) = report.findings
    assert (report.verdict, warning.severity, warning.word) == ("pass", "warning", "deadlock")
    assert "A waits at" in warning.title
    assert "B waits at" in warning.title
    assert [move.result for move in warning.lanes if move.result.startswith(("waits", "error"))] != []


@pytest.mark.dear
def test_who_closes_a_cycle_is_its_victim() -> None:
    """And not who has waited for longest, as on PostgreSQL without further ado."""
    (warning,) = explored("deadlock", "postgresql").findings
    (waited,) = {move.actor for move in warning.lanes if move.result.startswith("waits")}
    (victim,) = {move.actor for move in warning.lanes if move.result == "error 40P01"}
    assert waited != victim


def test_the_plainest_schedule_is_shown_with_what_was_read_and_written() -> None:
    (finding,) = explored("lost update", "sqlite").findings
    assert (str(finding.schedule), finding.code, finding.word) == ("ac1:A.B3.A2", "ACI301", "not serial")
    assert finding.title == "10 is too much in accounts id=1: balance is 90, and 80 after A then B"
    assert [(move.actor, move.result) for move in finding.lanes] == [
        ("A", "read (1, 100, 1)"),
        ("B", "read (1, 100, 1)"),
        ("B", "1 row"),
        ("B", "ok"),
        ("A", "1 row"),
        ("A", "ok"),
    ]
    assert [move.committed for move in finding.lanes if move.committed] == [("accounts id=1 balance 100 → 90",)]
    assert finding.explanation[0].startswith("A must come before B, because A asked SELECT")
    assert finding.explanation[1] == "B must come before A, because A wrote accounts over what B had written"


def test_the_nearest_right_schedule_stands_beside() -> None:
    (finding,) = explored("lost update", "sqlite").findings
    assert finding.explanation[-1] == "right is ac1:A3.B3, which differs from turn 2 on: there A goes on"


def three(session: Session) -> None:
    session.add_all([Account(id=number, balance=0) for number in (1, 2, 3)])


def names_all(session: Session, version: int) -> None:
    """Three accounts, each in a transaction of its own."""
    for number in (1, 2, 3):
        session.execute(update(Account).where(Account.id == number).values(version=version))
        session.commit()


@pytest.mark.parametrize(("schedule", "order"), [("ac1:A2.B6.A4", "B then A"), ("ac1:A4.B6.A2", "A then B")])
def test_it_is_held_against_the_order_from_which_it_differs_least(schedule: str, order: str) -> None:
    both = (Operation(names_all, 7), Operation(names_all, 8))
    scenario = Scenario(*both, metadata=Account.metadata, setup=three)
    (finding,) = prove.replay_together(scenario, schedule).findings
    assert finding.title.endswith(f"after {order}")


@pytest.mark.dear
def test_the_printed_schedule_shows_it_again() -> None:
    (finding,) = explored("lost update", "sqlite").findings
    again = prove.replay_together(SCENARIOS["lost update"], str(finding.schedule))
    assert [(each.schedule, each.anomaly, each.title) for each in again.findings] == [
        (finding.schedule, finding.anomaly, finding.title)
    ]


@pytest.mark.dear
def test_same_runs_same_report() -> None:
    one, other = explored("lost update", "sqlite"), prove.explore(SCENARIOS["lost update"])
    assert one == other


@pytest.mark.dear
def test_what_is_left_undone_is_unknown_unless_something_was_found() -> None:
    few = prove.explore(at_once(*[Operation(withdraw_guarded, each) for each in (60, 50)]), runs_max=1)
    assert few.verdict == "unknown"
    assert "a chance of 25.00%, callers who are let go at random take the schedule that was run" in few.unknowns[0]
    assert prove.explore(SCENARIOS["lost update"], runs_max=3).verdict == "fail"


def test_no_run_at_all_is_unknown() -> None:
    assert prove.explore(SCENARIOS["guarded"], budget=0.0).verdict == "unknown"


@pytest.mark.slow
def test_past_the_bound_chance_goes_on_from_the_seed() -> None:
    """Few are run in order, the rest by chance; the same seed makes the same report, and says its bound."""
    four = at_once(*[Operation(sell)] * 4)  # whose schedules are put into no classes
    one, again, other = (prove.explore(four, runs_max=20, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.verdict == "fail"
    assert one.runs == 20
    assert "4 of them by chance (PCT, seed 1: each meets a fault of depth 3 with a chance of 1/" in one.unknowns[0]
    assert "PCT, seed 2" in other.unknowns[0]
    right = prove.explore(at_once(*[Operation(withdraw_versioned, 20, raises=Conflict)] * 3), runs_max=20)
    assert (right.verdict, right.findings) == ("unknown", ())


SEEN: list[object] = []


def keeps_a_count(session: Session) -> None:
    """Its state beside the database has every schedule run."""
    SEEN.append(None)
    for _ in range(2):
        session.scalar(select(Account.balance).where(Account.id == 1))


def test_what_is_drawn_by_chance_may_have_been_run_before() -> None:
    """Those with few switches are run first, and chance draws no others; it comes to an end all the same."""
    two = at_once(*[Operation(keeps_a_count)] * 2)
    whole = prove.explore(two)
    assert whole.verdict == "pass", whole
    most = whole.runs * 3 // 4
    report = prove.explore(two, runs_max=most)
    assert (report.verdict, report.runs) == ("unknown", most), report
    assert f"{most // 5} of them by chance" in report.unknowns[0]


@pytest.mark.slow
def test_of_three_callers_the_two_are_shown_that_suffice() -> None:
    three = at_once(Operation(audit_at_once), Operation(withdraw, 10), Operation(withdraw, 30))
    report = prove.explore(three, runs_max=60)
    (finding,) = report.findings
    assert (finding.anomaly, finding.operation, {move.actor for move in finding.lanes}) == (
        "lost update",
        "withdraw and withdraw",
        {"A", "B"},
    )
    assert finding.replay.endswith("--operation 2,3")
    again = prove.replay_together(three, str(finding.schedule), callers=(1, 2))
    assert [each.title for each in again.findings] == [finding.title]
