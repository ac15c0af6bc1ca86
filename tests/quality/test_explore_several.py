"""Callers that mean to commit more than once: what counts is the orders of their transactions, and the stated rules."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation
from acidity.prove.explore import alternating
from tests.quality import callers_several as callers
from tests.quality.callers_several import scenario
from tests.tiers import ENGINES, SERVERS, mostly_slow

on_each_engine = pytest.mark.parametrize("db", ENGINES)


def said(report: Report) -> list[tuple[str, str, str]]:
    return [(finding.severity, finding.code, finding.anomaly) for finding in report.findings]


def bound(report: Report, name: str) -> int:
    return next(bound.covered for bound in report.bounds if bound.name == name)


@pytest.mark.dear
@on_each_engine
@pytest.mark.one_server
def test_a_right_pair_passes(db: str) -> None:
    report = prove.explore(scenario(callers.saga), db=db)
    assert (report.verdict, said(report), report.unknowns) == ("pass", [], ())
    assert report.runs > 1
    assert bound(report, "orders of transactions") == 6
    assert "what came of each comes of an order of their transactions" in report.headline


@pytest.mark.dear
@on_each_engine
@pytest.mark.one_server
def test_what_is_lost_within_one_transaction_is_lost(db: str) -> None:
    """A read that the driver leaves outside belongs to the write that follows it."""
    report = prove.explore(scenario(callers.saga_overwrites), db=db, runs_max=8)
    assert (report.verdict, said(report)) == ("fail", [("error", "ACI301", "lost update")])


@pytest.mark.dear
@on_each_engine
@pytest.mark.one_server
def test_what_is_lost_between_two_transactions_breaks_a_rule(db: str) -> None:
    report = prove.explore(scenario(callers.saga_remembers), db=db, runs_max=2)
    assert (report.verdict, said(report)) == ("fail", [("error", "ACI318", "")])
    (finding,) = report.findings
    assert "money_is_kept does not hold" in finding.title
    assert finding.explanation[0].startswith("each transaction by itself is isolated: this comes of them after A then")
    assert finding.lanes


@pytest.mark.dear
@on_each_engine
@pytest.mark.one_server
def test_where_every_rule_holds_it_is_a_warning(db: str) -> None:
    """It is an order of their transactions, and several commits are meant; but no order of whole callers comes to it."""
    most = None if db == "sqlite" else 2
    report = prove.explore(scenario(callers.saga_remembers, invariants=[callers.nobody_owes]), db=db, runs_max=most)
    verdict = "unknown" if most else "pass"
    assert (report.verdict, said(report)) == (verdict, [("warning", "ACI318", "")])
    (finding,) = report.findings
    assert finding.title == "given of purses id=1 is 10, and 20 after A then B"
    assert most or bound(report, "orders of transactions") == 6


@pytest.mark.dear
def test_one_commit_is_held_against_whole_callers() -> None:
    report = prove.explore(scenario(callers.saga_remembers, commits="one"), runs_max=20)
    assert (report.verdict, len(report.findings)) == ("fail", 1)


@pytest.mark.dear
def test_the_printed_schedule_shows_it_again() -> None:
    for rules in ([callers.money_is_kept], [callers.nobody_owes]):
        same = scenario(callers.saga_remembers, invariants=rules)
        (finding,) = prove.explore(same, runs_max=2).findings
        (again,) = prove.replay_together(same, str(finding.schedule)).findings
        assert [str(each.schedule) for each in (finding, again)] == [str(finding.schedule)] * 2
        assert (again.title, again.severity) == (finding.title, finding.severity)


def test_what_goes_wrong_between_transactions_is_found_before_any_schedule_is_run() -> None:
    report = prove.explore(scenario(callers.saga_remembers), runs_max=1)
    assert (report.verdict, said(report), report.runs) == ("fail", [("error", "ACI318", "")], 1)


@pytest.mark.dear
def test_a_rule_that_whole_callers_break_is_no_matter_of_isolation() -> None:
    report = prove.explore(scenario(callers.saga, invariants=[callers.money_is_kept, callers.only_ten_left]))
    assert (report.verdict, said(report)) == ("pass", [("warning", "ACI252", "")])
    assert report.findings[0].title.startswith("the invariant only_ten_left is broken after A (saga) then B (saga)")


@pytest.mark.dear
def test_rules_see_how_every_caller_ended() -> None:
    seen = set()

    def look(_session: Session, run: Any) -> None:
        seen.add(tuple((each.told, each.exception) for each in run.ended))

    assert prove.explore(scenario(callers.saga, invariants=[look])).verdict == "pass"
    assert seen == {(("unknown", ""), ("unknown", ""))}


@pytest.mark.dear
def test_too_many_orders_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alternating, "ORDERS_MAX", 3)
    lost = scenario(callers.saga_overwrites, invariants=[callers.nobody_owes])
    report = prove.explore(lost, runs_max=20)
    assert (report.verdict, said(report)) == ("unknown", [])
    assert "their transactions have more than 3 orders" in report.unknowns[0]


# Classes: of callers that share nothing, in which order they commit is what tells


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", SERVERS)
def test_each_order_of_commits_is_a_class(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule sees both on their way in one committed state only; no order of transactions is run beforehand."""
    monkeypatch.setattr(import_module("acidity.prove.explore.explore"), "ORDERS_FIRST", 0)
    sagas = [Operation(callers.saga_of_one, number) for number in (1, 2)]
    wrong, right = (
        prove.explore(scenario(*sagas, setup=callers.seed_a_purse_each, invariants=[callers.at_most(amount)]), db=db)
        for amount in (10, 20)
    )
    assert (wrong.verdict, said(wrong)) == ("fail", [("error", "ACI318", "")])
    assert (right.verdict, right.runs) == ("pass", 6), right  # of 70 schedules


@pytest.mark.slow
@pytest.mark.parametrize("db", ["sqlite", "postgresql"])
def test_two_sagas_of_acidity_itself_are_decided(db: str) -> None:
    """Within the schedules that there are by default; all of them would be too many by far."""
    sagas = [Operation(callers.own_saga, key) for key in ("one", "other")]
    given = {"metadata": None, "schema": callers.with_journal, "recover": callers.resume_own}
    report = prove.explore(scenario(*sagas, **given), db=db)
    assert (report.verdict, said(report), report.unknowns) == ("pass", [], ())


# Transactions that the program begins and ends; three callers


@pytest.mark.slow
@on_each_engine
def test_units_of_the_program(db: str) -> None:
    report = prove.explore(scenario(callers.saga_in_units), db=db)
    assert (report.verdict, said(report), report.unknowns) == ("pass", [], ())
    assert bound(report, "orders of transactions") == 6


@pytest.mark.slow
def test_three_callers() -> None:
    """Two transactions each have ninety orders."""
    right, wrong = (prove.explore(scenario(*[each] * 3), runs_max=5) for each in (callers.saga, callers.saga_remembers))
    assert (right.verdict, said(right), bound(right, "orders of transactions")) == ("unknown", [], 90)
    assert (wrong.verdict, said(wrong)) == ("fail", [("error", "ACI318", "")])


# Turned away between two of its transactions

MEET = "ac1:A3.B4.A"  # each holds a row and asks for that of the other one


def met(function: Any, db: str, **options: Any) -> Report:
    two = [Operation(function, 1, 2), Operation(function, 2, 1)]
    rules = {"invariants": [callers.both_have_the_same], "setup": callers.seed_two}
    return prove.replay_together(scenario(*two, **rules | options), MEET, db=db)


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", SERVERS)
def test_who_is_turned_away_after_a_commit_may_be_recovered_or_compensate(db: str) -> None:
    recovered = met(callers.crosses, db, recover=callers.give_what_is_left)
    assert (recovered.verdict, said(recovered), recovered.unknowns) == ("pass", [("warning", "ACI310", "")], ())
    compensated = met(callers.crosses_and_gives_back, db)
    assert (compensated.verdict, said(compensated)) == ("pass", [("warning", "ACI310", "")]), str(compensated)


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", SERVERS)
def test_what_is_recovered_wrongly_breaks_a_rule(db: str) -> None:
    wrong = met(callers.crosses, db, recover=callers.give_to_the_first)
    assert wrong.verdict == "fail", str(wrong)
    assert ("error", "ACI318", "") in said(wrong)


# What follows them


@pytest.mark.dear
def test_what_settles_is_a_part_of_what_is_compared() -> None:
    once = {"commits": "one", "invariants": []}
    without = prove.explore(scenario(callers.counts_what_is_left, **once))
    counted = prove.explore(scenario(callers.counts_what_is_left, settle=callers.count_anew, **once))
    assert [(each.verdict, said(each)) for each in (without, counted)] == [
        ("fail", [("error", "ACI301", "lost update")]),
        ("pass", []),
    ]


@pytest.mark.parametrize("role", ["settle", "recover"])
def test_a_relay_carries_out_what_is_left(role: str) -> None:
    report = prove.explore(scenario(callers.take_and_note, **{role: callers.give_what_is_noted}))
    assert (report.verdict, said(report), report.unknowns) == ("pass", [], ())


def test_a_relay_that_fails_after_two_callers_is_no_measure() -> None:
    report = prove.explore(scenario(callers.take_and_note, settle=callers.give_one_note))
    assert report.verdict == "unknown"
    assert (
        "after A then B, one after the other, settle (give_one_note) fails: MultipleResultsFound" in report.unknowns[0]
    )


@pytest.mark.dear
def test_a_card_has_its_letter() -> None:
    card = prove.check(scenario(callers.saga), faults=("error-before",), remedies=False, letters="ACI")
    (isolated,) = [row for letter, row in card.letters.items() if letter == "I"]
    assert isinstance(isolated, Report)
    assert isolated.verdict == "pass"


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("made", callers.RECEIPTS)
def test_what_looks_like_chance_is_held_against_one_order(made: str, db: str) -> None:
    """Each order of transactions is run once; others say something else, but not by chance."""
    level = None if db == "sqlite" else "READ COMMITTED"
    wrong, right = (
        prove.explore(scenario(callers.saga_with_receipt(made, stale=each)), db=db, isolation_level=level)
        for each in (True, False)
    )
    assert wrong.verdict == "fail", str(wrong)
    assert all("answered" in finding.title for finding in wrong.findings if finding.severity == "error"), str(wrong)
    assert (right.verdict, right.unknowns) == ("pass", ()), str(right)


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
def test_what_chance_makes_is_another_one_in_the_only_run_of_an_order(db: str) -> None:
    """Both are on the way at once in an order of their transactions, and in no order of whole callers."""
    report = prove.explore(scenario(callers.saga_with_token), db=db)
    assert (report.verdict, said(report)) == ("pass", [("warning", "ACI318", "")]), str(report)


def test_it_is_told_where_what_is_there_was_committed() -> None:
    """Not where a table was to be made that is there."""

    def prepares_and_gives(engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS notes (id INTEGER)"))
        callers.saga_remembers(engine)

    report = prove.explore(scenario(prepares_and_gives), runs_max=8)
    (finding,) = [found for found in report.findings if found.code == "ACI318"]
    assert not any("IF NOT EXISTS" in site.source or "engine.begin" in site.source for site in finding.sites)
