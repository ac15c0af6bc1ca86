"""What is said of a run has come again three times, and is told of the plainest run that shows it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from tests.quality.callers import Account, at_once, twice, withdraw

CALLED: list[int] = []
SLIPS: set[int] = set()
CALLERS, REPLAYS = 2, 3
TOLD = 2  # when it is told what came again, one caller is called alone, twice


def slips(session: Session) -> None:
    """It remembers how often it was called, and takes another amount at some of these times."""
    CALLED.append(len(CALLED))
    withdraw(session, 77 if len(CALLED) in SLIPS else 10)


def explored(*times: int) -> Report:
    """What comes of it where it slips these times."""
    CALLED.clear()
    SLIPS.clear()
    SLIPS.update(times)
    return prove.explore(twice(slips))


@pytest.fixture(scope="module")
def called() -> int:
    """How often it is called where it never slips; the replays of its one finding come last but for `TOLD`."""
    report = explored()
    assert [finding.anomaly for finding in report.findings] == ["lost update"], str(report)
    return len(CALLED)


def at_replay(called: int, number: int) -> int:
    """When it is called first in a replay, of which the fourth is the first one after a deviation."""
    return called - TOLD - CALLERS * (REPLAYS - number + 1) + 1


@pytest.mark.dear
@pytest.mark.parametrize("number", [1, 2, 3])
def test_where_one_replay_deviates_all_are_made_once_more(called: int, number: int) -> None:
    report = explored(at_replay(called, number))
    assert [finding.anomaly for finding in report.findings] == ["lost update"], str(report)
    assert len(CALLED) == called + CALLERS * REPLAYS


@pytest.mark.dear
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("again", [4, 5, 6])
def test_where_one_deviates_then_too_it_is_unknown(called: int, number: int, again: int) -> None:
    report = explored(at_replay(called, number), at_replay(called, again))
    assert (report.verdict, report.findings) == ("unknown", ())
    assert "did not come again" in report.unknowns[0]


# The plainest


def balance(session: Session, number: int) -> int:
    return session.scalars(select(Account.balance).where(Account.id == number)).one()


def write(session: Session, number: int, amount: int) -> None:
    session.execute(update(Account).where(Account.id == number).values(balance=amount))


def look_twice_if(session: Session, seen: int) -> None:
    """How many Calls it makes hangs on whether the other one has come to its end."""
    before = balance(session, 1)
    if balance(session, 2) == seen:
        balance(session, 2)
        balance(session, 2)
    write(session, 1, before - 10)
    session.commit()


def mark(session: Session) -> None:
    """It writes both rows."""
    before = balance(session, 1)
    write(session, 2, 0)
    write(session, 1, before - 30)
    session.commit()


def remember(session: Session, seen: int) -> None:
    """The same with state of the program's, so that every schedule is run."""
    CALLED.append(seen)
    look_twice_if(session, seen)


def of(seen: int, looks: Any = look_twice_if) -> Scenario:
    return at_once(Operation(looks, seen), Operation(mark))


PLAINEST = [
    pytest.param(of(100), "ac1:A.B4.A3", id="the other one has come to its end: two Calls less"),
    pytest.param(of(0), "ac1:A2.B4.A2", id="the other one has not: two Calls less"),
    pytest.param(twice(withdraw, 10), "ac1:A.B3.A2", id="the fewest switches"),
    pytest.param(of(100, remember), "ac1:A.B4.A3", id="every schedule, the other one has come to its end"),
    pytest.param(of(0, remember), "ac1:A2.B4.A2", id="every schedule, the other one has not"),
]


@pytest.mark.dear
@pytest.mark.parametrize(("scenario", "shown"), PLAINEST)
def test_of_runs_with_one_cause_the_plainest_is_shown(scenario: Scenario, shown: str) -> None:
    """Fewest Calls, then fewest switches, wherever in the search it was met."""
    report = prove.explore(scenario)
    assert [str(finding.schedule) for finding in report.findings] == [shown], str(report)
