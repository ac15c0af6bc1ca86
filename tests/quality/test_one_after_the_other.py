"""Letter C: a rule that one operation keeps and the next one breaks, with nobody beside it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, select, text, update
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Card, Report
from acidity.prove import Operation, Scenario
from tests.quality.callers import Account, at_once
from tests.tiers import ENGINES

FEW: dict[str, Any] = {"faults": ("error-before",), "remedies": False}


def nobody_owes(session: Session) -> bool:
    return all(balance >= 0 for balance in session.scalars(select(Account.balance)))


def takes(session: Session) -> None:
    """It leaves something to the first one, and nobody asks whether there is as much for the second one."""
    session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance - 60))
    session.commit()


def takes_what_is_there(session: Session) -> None:
    enough = (Account.id == 1, Account.balance >= 60)
    session.execute(update(Account).where(*enough).values(balance=Account.balance - 60))
    session.commit()


def owes(session: Session) -> None:
    """It breaks the rule by itself, which a drill sees."""
    session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance - 200))
    session.commit()


def scenario(function: Any, **options: Any) -> Scenario:
    return at_once(Operation(function), invariants=[nobody_owes], **options)


def states(card: Card) -> dict[str, str]:
    return {name: row.letter_state for name, row in card.letters.items() if isinstance(row, Report)}


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
def test_a_rule_that_the_second_one_breaks_is_broken(db: str) -> None:
    card = prove.check(scenario(takes), db=db, letters="ACI", **FEW)
    assert states(card) == {"A": "pass", "C": "fail", "I": "pass"}, str(card)
    report = card.letters["C"]
    assert isinstance(report, Report)
    (finding,) = report.findings
    assert finding.title == (
        "the invariant nobody_owes is broken after A (takes) then B (takes), one after the other: it returned False"
    )
    assert [str(each) for each in finding.diff] == ["accounts id=1 balance 100 → -20"]
    assert report.headline.endswith("; by several operations, one after the other: 1 broken")


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
def test_one_that_both_keep_holds(db: str) -> None:
    card = prove.check(scenario(takes_what_is_there), db=db, letters="ACI", **FEW)
    assert states(card) == {"A": "pass", "C": "pass", "I": "pass"}, str(card)


def test_what_an_operation_breaks_by_itself_is_said_once() -> None:
    card = prove.check(scenario(owes), letters="CI", **FEW)
    report = card.letters["C"]
    assert isinstance(report, Report)
    (finding,) = report.findings
    assert "one after the other" not in finding.title


def test_letter_i_alone_warns_of_it() -> None:
    alone = prove.check(scenario(takes), letters="I").letters["I"]
    for report in (prove.explore(scenario(takes), pairs=True), alone):
        assert isinstance(report, Report)
        assert (report.verdict, [found.severity for found in report.findings]) == ("pass", ["warning"]), str(report)


def drops_the_shelf(session: Session) -> None:
    session.execute(text("DELETE FROM shelves WHERE id = 1"))
    session.commit()


def fills_the_shelf(session: Session) -> None:
    session.execute(text("INSERT INTO books (shelf_id) VALUES (1)"))
    session.commit()


def test_a_constraint_that_nobody_enforces_is_asked_for_as_well() -> None:
    """SQLite leaves foreign keys to who asks for them; each of the two keeps it by itself."""
    metadata = MetaData()
    Table("shelves", metadata, Column("id", Integer, primary_key=True))
    Table("books", metadata, Column("id", Integer, primary_key=True), Column("shelf_id", ForeignKey("shelves.id")))
    both = Scenario(
        Operation(drops_the_shelf),
        Operation(fills_the_shelf),
        metadata=metadata,
        setup=lambda session: session.execute(text("INSERT INTO shelves VALUES (1)")) and None,
    )
    assert states(prove.check(both, letters="CI", **FEW)) == {"C": "fail", "I": "pass"}
