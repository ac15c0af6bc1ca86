"""A change that is made once more for each lost answer is there too often, and not in part, however often that is."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.engines.bank import Base, move, seed
from tests.tiers import ENGINES

TOLD: list[str] = []


def tells() -> None:
    """An effect of the change, in each transaction of it."""
    TOLD.append("moved")


def tries_three_times(engine: Engine) -> None:
    for attempt in range(3):
        try:
            with Session(engine) as session:
                move(session)
                tells()
                session.commit()
        except DBAPIError:
            if attempt == 2:
                raise
        else:
            return


@pytest.mark.dear
@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.one_server
def test_it_is_doubled(db: str) -> None:
    scenario = Scenario(Operation(tries_three_times), metadata=Base.metadata, setup=seed, effects=[tells])
    report = prove.drill(scenario, db=db, faults=("answer-lost",), remedies=False)
    assert report.counts["doubled"] == 2, str(report)  # once, and from then on
    assert report.counts["torn"] == 0
    (found,) = report.findings
    again = prove.replay(scenario, f"{str(found.schedule).rstrip('*')}*", db=db)
    assert (again.verdict, again.word) == ("fail", "doubled"), again
