"""Letter D on servers: `recover` and `settle` may make anew what was lost; what they have found tells whether it was."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from acidity import prove
from acidity.explained.programs.shop import SHOP, Item
from acidity.prove import Operation, Scenario
from tests.quality.test_crash import wrong
from tests.quality.test_crash_servers import LOSSY
from tests.tiers import SERVERS

AFTER = "ac1:A2!server-killed-after"


def sell_out(session: Session) -> None:
    """As a relay: whoever runs it next finds nothing to do, or does all of it."""
    session.execute(update(Item).where(Item.stock > 0).values(stock=0))
    session.commit()


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize("step", ["recover", "settle"])
@pytest.mark.one_server
def test_who_is_recovered_by_itself_has_lost_nothing(db: str, step: str) -> None:
    steps: Any = {step: sell_out}
    report = prove.crash(Scenario(Operation(sell_out), **SHOP, **steps), db=db, runs_max=3, remedies=False)
    assert (report.verdict, report.findings) == ("pass", ()), str(report)


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.one_server
def test_what_was_lost_is_told_though_it_was_made_anew(db: str) -> None:
    scenario = Scenario(Operation(sell_out), **SHOP, recover=sell_out)
    report = prove.crash(scenario, db=db, settings=LOSSY[db], runs_max=1, remedies=False)
    assert (wrong(report), str(report.findings[0].schedule)) == ({"lost"}, AFTER), str(report)
    finding = report.findings[0]
    assert "was acknowledged, and its change is gone" in finding.title
    assert finding.diff == (), "the rows that came back are those before"
    assert "then recover (sell_out) ran" in " ".join(finding.explanation)
