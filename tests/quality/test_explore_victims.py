"""Who is the victim of a deadlock is no chance: whoever closes the cycle, also where others had looked for one before."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from acidity.prove.explore.every import Chooser
from acidity.prove.explore.lab import Lab
from acidity.prove.stage.stage import Stage
from tests.quality.callers import Account, Base, seed


def locks_the_second(session: Session) -> None:
    session.scalars(select(Account.balance).where(Account.id == 2).with_for_update()).all()
    session.rollback()


def locks_both(session: Session) -> None:
    session.scalars(select(Account.balance).order_by(Account.id).with_for_update()).all()
    session.rollback()


def changes_both(session: Session) -> None:
    """The second, then all; a refusal is swallowed."""
    session.execute(update(Account).where(Account.id == 2).values(balance=0))
    with suppress(OperationalError):
        session.execute(update(Account).values(balance=Account.balance + 1))
    session.commit()


SCENARIO = Scenario(*map(Operation, (locks_the_second, locks_both, changes_both)), metadata=Base.metadata, setup=seed)


@pytest.mark.parametrize("schedule", ["CABCCAB", "ACBACCB"])
def test_it_is_who_closes_the_cycle(schedule: str) -> None:
    """B looks a millisecond after it has begun to wait, and C may have closed the cycle by then."""
    victims: Counter[tuple[str, ...]] = Counter()
    with Stage(SCENARIO, "postgresql", {}, "READ COMMITTED", 30.0) as stage:
        lab = Lab(stage, SCENARIO.operations)
        for _ in range(12):
            history = lab.run(Chooser(tuple(schedule))).history
            victims[tuple(event.call.actor for event in history if event.reply.code == "40P01")] += 1
    assert victims == {("C",): 12}


def test_nobody_is_let_go_before_who_waits_has_looked() -> None:
    """However seldom chance would show it: as long as its engine says, and not where nobody looks."""
    lasted = {}
    with Stage(SCENARIO, "postgresql", {}, "READ COMMITTED", 30.0) as stage:
        lab = Lab(stage, SCENARIO.operations)
        for looks in (0.0, 0.5):
            stage.sandbox.looks_for_cycles_s = looks
            began = time.monotonic()
            lab.run(Chooser(tuple("CABCCAB")))
            lasted[looks] = time.monotonic() - began
    assert lasted[0.5] >= 0.5
