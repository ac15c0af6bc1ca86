"""Letter D: a COMMIT that has changed nothing makes no promise, and the one after it does."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.codes import LOST_COMMIT
from acidity.explained.programs.shop import SHOP, Item
from acidity.prove import Operation, Scenario
from tests.quality.test_crash import sell
from tests.quality.test_crash_servers import LOSSY
from tests.tiers import SERVERS


def looks_first(session: Session) -> None:
    session.get_one(Item, 1)
    session.commit()
    sell(session)


def locks_first(session: Session) -> None:
    session.execute(text("SELECT stock FROM items WHERE id = 1 FOR UPDATE"))
    session.commit()
    sell(session)


def finds_no_row_first(session: Session) -> None:
    session.execute(text("UPDATE items SET stock = 0 WHERE id = 99"))
    session.commit()
    sell(session)


@pytest.mark.slow
@pytest.mark.parametrize("function", [looks_first, locks_first, finds_no_row_first])
@pytest.mark.parametrize("db", SERVERS)
def test_what_was_not_committed_is_not_lost(db: str, function: Any) -> None:
    report = prove.crash(Scenario(Operation(function), **SHOP), db=db, runs_max=6, remedies=False)
    assert report.verdict == "pass", report


@pytest.mark.parametrize(("synchronous", "verdict"), [("extra", "pass"), ("off", "fail")])
def test_the_same_on_sqlite(synchronous: str, verdict: str) -> None:
    for function in (looks_first, finds_no_row_first):
        scenario = Scenario(Operation(function), **SHOP)
        report = prove.crash(scenario, settings={"synchronous": synchronous}, remedies=False)
        assert report.verdict == verdict, report


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_what_was_committed_after_it_is(db: str) -> None:
    scenario = Scenario(Operation(looks_first), **SHOP)
    report = prove.crash(scenario, db=db, settings=LOSSY[db], runs_max=6, remedies=False)
    assert LOST_COMMIT.name in {finding.code for finding in report.findings}, report
