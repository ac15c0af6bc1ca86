"""Letter I on a card: every operation beside itself and every other one, beside letters A and C, and bounded."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.finding import LEFT, TOLD
from acidity.core.options import CheckOptions
from acidity.core.report import Card, Detail, EngineInfo, ExitReason, Report, as_text
from acidity.errors import EngineUnavailable, UsageError
from acidity.prove import Operation, Scenario, checks
from acidity.prove.explore import explore
from tests.quality.callers import Account, at_once, audit, look, sell, transfer, withdraw, withdraw_guarded
from tests.tiers import ENGINES

NOWHERE = EngineInfo("", "")
FEW = {"faults": ("error-before",), "remedies": False}


def isolated(card: Card) -> Report:
    report = card.letters["I"]
    assert isinstance(report, Report)
    return report


def states(card: Card) -> dict[str, str]:
    return {name: row.letter_state if isinstance(row, Report) else row for name, row in card.letters.items()}


LOCK = threading.Lock()


def withdraw_in_lock(session: Session) -> None:
    """A lock of the program keeps the threads of one process apart."""
    with LOCK:
        withdraw(session, 10)


def test_a_card_says_that_a_lock_of_the_program_was_waited_for() -> None:
    card = prove.check(at_once(Operation(withdraw_in_lock)), letters="I")
    assert states(card)["I"] == "pass"
    assert "--actors processes is worth it" in isolated(card).headline
    shown = " ".join(as_text(card, Detail.CARD).split())
    assert "--actors processes is worth it" in shown
    assert "test_letter_isolated.py:" in shown


# Consistent is not isolated, and isolated is not consistent


def nobody_owes(session: Session) -> bool:
    return all(balance >= 0 for balance in session.scalars(select(Account.balance)))


def overdraw(session: Session) -> None:
    """One statement, which no other caller can come between; what it leaves breaks a rule."""
    session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance - 200))
    session.commit()


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (Operation(withdraw, 10), {"A": "pass", "C": "pass", "I": "fail"}),
        (Operation(overdraw), {"A": "pass", "C": "fail", "I": "pass"}),
        (Operation(withdraw_guarded, 60), {"A": "pass", "C": "pass", "I": "pass"}),
    ],
    ids=["consistent-not-isolated", "isolated-not-consistent", "both"],
)
@pytest.mark.one_server
@pytest.mark.one_in(3)
def test_letters_are_of_their_own(operation: Operation, expected: dict[str, str], db: str) -> None:
    card = prove.check(at_once(operation, invariants=[nobody_owes]), db=db, letters="ACI", **FEW)
    assert states(card) == {**expected, "D": "not asked"}, str(card)
    assert card.verdict == ("fail" if "fail" in expected.values() else "pass")


# Which callers


@pytest.mark.dear
def test_each_operation_beside_itself_and_every_other_one() -> None:
    card = prove.check(at_once(Operation(transfer), Operation(audit), Operation(look)), letters="I")
    report = isolated(card)
    assert {finding.operation for finding in report.findings} == {"transfer and audit"}
    assert {finding.anomaly for finding in report.findings} == {"read skew"}
    assert "2 callers, 6 groups" in report.headline
    (schedules, _) = report.bounds
    reading = "audit and audit, audit and look, look and look"
    assert schedules.note.endswith(f"not run at once, since they only read: {reading}")


@pytest.mark.slow
def test_what_differs_in_the_arguments_alone_is_one_finding() -> None:
    report = isolated(prove.check(at_once(Operation(withdraw, 10), Operation(withdraw, 20)), letters="I"))
    (finding,) = report.findings
    assert (finding.anomaly, finding.operation) == ("lost update", "withdraw and withdraw")
    assert finding.occurrences == 2 + 3 + 2  # of equal callers, one order of their first writes


def full_by_trigger(connection: Connection) -> None:
    """One place, which a trigger counts without a lock; and no guest twice."""
    connection.exec_driver_sql("CREATE TABLE guests (id serial PRIMARY KEY, name text UNIQUE)")
    connection.exec_driver_sql(
        "CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT 1 FROM guests) THEN RAISE 'full'; END IF; RETURN NEW; END $$"
    )
    connection.exec_driver_sql("CREATE TRIGGER full_up BEFORE INSERT ON guests FOR EACH ROW EXECUTE FUNCTION full_up()")


def come(session: Session, name: str) -> None:
    try:
        session.execute(text("INSERT INTO guests (name) VALUES (:name)"), {"name": name})
    except ProgrammingError:
        raise LookupError("full") from None
    session.commit()


@pytest.mark.dear
def test_what_one_pair_is_told_does_not_hide_what_another_one_leaves() -> None:
    scenario = Scenario(Operation(come, "ann"), Operation(come, "bob"), schema=full_by_trigger)
    report = prove.explore(scenario, db="postgresql", pairs=True)
    assert [(finding.code, finding.wrong) for finding in report.findings] == [("ACI309", LEFT), ("ACI309", TOLD)]
    overbooked, refused = (finding.title for finding in report.findings)
    assert overbooked.startswith("guests has a row too many"), overbooked
    assert refused.startswith("B failed with IntegrityError; after A then B it fails with LookupError"), refused


@pytest.mark.dear
def test_a_card_shows_the_lanes_and_the_count_of_its_letter() -> None:
    card = prove.check(at_once(Operation(withdraw, 10)), target="bank:pay", **FEW)
    shown = as_text(card, Detail.CARD)
    assert "bank:pay  FAIL  not isolated (lost update, ACI301)" in shown
    assert "committed: accounts id=1 balance 100 → 90" in shown
    assert "2 callers: 2 of 3 classes of schedules are not serial" in shown
    assert "replay: acidity replay bank:pay ac1:A.B3.A2" in shown
    assert len(shown.splitlines()) <= 25


@pytest.mark.dear
def test_what_one_letter_covers_no_other_says_it_does_not() -> None:
    scenario = at_once(Operation(look))
    alone, both = (prove.check(scenario, letters=letters, **FEW) for letters in ("A", "AI"))
    assert "several callers at once" in str(alone)
    assert "several callers at once" not in str(both)
    undecided = prove.check(scenario, letters="AI", budget=0.0, **FEW)
    assert "several callers at once" in str(undecided)


# Unknown is never pass


@pytest.mark.dear
def test_all_groups_share_a_number_of_schedules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore, "LETTER_MAX", 3)
    scenario = at_once(Operation(withdraw_guarded, 10), Operation(withdraw_guarded, 20))
    report = isolated(prove.check(scenario, letters="I"))
    assert (report.verdict, report.runs, report.ended) == ("unknown", 3, ExitReason.RUNS_MAX)
    assert {why.partition(": ")[0] for why in report.unknowns} == {"withdraw_guarded and withdraw_guarded"}
    said = "the search ended at 1 schedule, its share of 3 for all groups of callers (runs_max= allows more): "
    assert said in report.unknowns[0]
    assert report.bounds[0].total is None
    assert isolated(prove.check(scenario, letters="I", runs_max=20)).verdict == "pass"
    monkeypatch.setattr(explore, "LETTER_MAX", 1)
    report = isolated(prove.check(at_once(Operation(withdraw_twice)), letters="I"))
    assert "the search ended at 1 schedule (runs_max= allows more): " in report.unknowns[0]


def withdraw_twice(session: Session) -> None:
    for _ in range(2):
        withdraw_guarded(session, 1)


@pytest.mark.dear
def test_short_groups_leave_to_long_ones_what_they_do_not_need(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = at_once(Operation(withdraw_twice), Operation(withdraw_guarded, 1))
    needed = isolated(prove.check(scenario, letters="I")).runs
    monkeypatch.setattr(explore, "LETTER_MAX", needed)
    report = isolated(prove.check(scenario, letters="I"))
    assert (report.verdict, report.runs) == ("pass", needed)
    assert report.bounds[0].total == needed


def test_the_letters_share_the_time_that_there_is() -> None:
    card = prove.check(at_once(Operation(withdraw_guarded, 10)), budget=0.0, **FEW)
    assert states(card) | {"D": ""} == {"A": "unknown", "C": "unknown", "I": "unknown", "D": ""}


def test_what_one_letter_has_used_of_the_time_is_gone_for_the_next() -> None:
    given: list[float | None] = []

    def gather(_scenario: Scenario, options: CheckOptions) -> Any:
        given.append(options.budget)
        raise EngineUnavailable("nothing is run here")

    asked = checks._Asked(at_once(Operation(look)), CheckOptions(budget=60.0))
    for number in range(2):
        asked.answer(
            checks.Check(f"check {number}", lambda *each: gather(*each), lambda _, __: Report("", "", NOWHERE))
        )
    first, second = given
    assert first == 60.0
    assert second is not None
    assert second < 60.0


def charge_and_fail(session: Session) -> None:
    session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance - 10))
    session.commit()
    raise RuntimeError("after it was paid")


def fail(session: Session) -> None:
    session.scalar(select(Account.balance).where(Account.id == 1))
    raise RuntimeError("never")


@pytest.mark.dear
def test_what_fails_alone_after_it_has_changed_rows_is_not_compared() -> None:
    card = prove.check(at_once(Operation(charge_and_fail)), **FEW)
    assert (states(card)["A"], states(card)["I"]) == ("fail", "unknown")
    assert "fails when nobody else is there" in isolated(card).unknowns[0]
    with pytest.raises(UsageError, match="say raises="):
        prove.check(at_once(Operation(fail)), letters="I")


def test_a_ctrl_c_in_it_leaves_the_other_letters_as_they_are() -> None:
    def press(_done: int, _total: int, label: str) -> None:
        if " and " in label:
            raise KeyboardInterrupt

    with pytest.raises(prove.Interrupted) as stopped:
        prove.check(at_once(Operation(withdraw_guarded, 10)), progress=press, **FEW)
    card = stopped.value.report
    assert states(card) == {"A": "pass", "C": "pass", "I": "unknown", "D": "unknown"}
    assert isolated(card).ended is ExitReason.INTERRUPTED
    schedules = isolated(card).bounds[0]
    assert schedules.total is None, "how many there would have been is not known"
    assert f"of {schedules.covered} schedule" not in isolated(card).headline


# What only reads


def lock_and_look(session: Session) -> int:
    return session.scalar(select(Account.balance).where(Account.id == 1).with_for_update(nowait=True)) or 0


@pytest.mark.dear
def test_a_lock_is_no_mere_read() -> None:
    """On a server one of two callers is refused, whatever they write."""
    report = isolated(prove.check(at_once(Operation(lock_and_look)), db="postgresql", letters="I"))
    assert report.runs > 0


@pytest.mark.parametrize("operation", [Operation(withdraw, 10), Operation(sell)])
def test_whoever_writes_is_run_at_once(operation: Operation) -> None:
    assert isolated(prove.check(at_once(operation), letters="I")).verdict == "fail"


def begin_at_once(session: Session) -> None:
    session.execute(text("BEGIN IMMEDIATE"))
    session.scalar(select(Account.balance).where(Account.id == 1))
    session.rollback()


def test_a_transaction_that_locks_when_it_begins_is_no_mere_read() -> None:
    assert isolated(prove.check(at_once(Operation(begin_at_once)), letters="I")).runs > 0
