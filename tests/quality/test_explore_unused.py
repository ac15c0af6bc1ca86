"""An argument that a program makes nothing of changes no verdict and no name; it only keeps equal callers apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation
from tests.quality.callers import Account, Entry, at_once

Program = Callable[[Session, str], None]


def next_number(session: Session, _: str) -> None:
    """MAX + 1."""
    last = session.scalars(select(func.max(Account.id))).one()
    session.add(Account(id=last + 1, balance=0))
    session.commit()


def one_or_the_other(session: Session, _: str) -> None:
    """What was read decides which row is written."""
    rich = session.scalars(select(Account.balance).where(Account.id == 1)).one() >= 100
    chosen = update(Account).where(Account.id == (1 if rich else 2))
    session.execute(chosen.values(balance=Account.balance - 1 if rich else 0))
    session.commit()


def counts_what_it_added(session: Session, _: str) -> None:
    """The first Call writes what blocks nobody on a server, so the other has to write before this one is gone."""
    session.execute(insert(Entry).values(account_id=1, amount=1))
    there = session.scalars(select(func.count()).select_from(Entry)).one()
    session.execute(update(Account).where(Account.id == 2).values(balance=there))
    session.commit()


def from_poor_to_rich(session: Session, _: str) -> None:
    """The order of two writes depends on what is read."""
    rows = session.execute(select(Account.id).order_by(Account.balance)).scalars().all()
    for key in rows[:2]:
        session.execute(update(Account).where(Account.id == key).values(balance=Account.balance + 1))
    session.commit()


def explored(program: Program, db: str, others: str) -> Report:
    return prove.explore(at_once(Operation(program, "same"), Operation(program, others)), db=db)


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", ["sqlite", "postgresql", "mariadb"])
@pytest.mark.parametrize("program", [next_number, one_or_the_other, counts_what_it_added, from_poor_to_rich])
def test_an_argument_that_is_not_used(program: Program, db: str) -> None:
    equal, apart = (explored(program, db, others) for others in ("same", "other"))
    verdicts = [(each.verdict, {finding.anomaly for finding in each.findings}) for each in (equal, apart)]
    assert verdicts[0] == verdicts[1], f"{equal}\n{apart}"
    assert equal.runs < apart.runs
