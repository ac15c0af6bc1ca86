"""State of the program that each caller always leaves as it does, and another one otherwise: a service that keeps its order."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation
from tests.quality.callers import Account, at_once

CURRENT = {"account": 0}


class Service:
    """One for the whole program."""

    def __init__(self) -> None:
        self.account = 0

    def marks(self, session: Session, account: int) -> None:
        self.account = account
        session.execute(select(Account.id))
        session.execute(select(Account.balance))
        session.execute(update(Account).where(Account.id == account).values(balance=self.account))
        session.commit()

    def marks_well(self, session: Session, account: int) -> None:
        session.execute(select(Account.id))
        session.execute(select(Account.balance))
        session.execute(update(Account).where(Account.id == account).values(balance=account))
        session.commit()


SERVICE = Service()


def marks(session: Session, account: int) -> None:
    CURRENT["account"] = account
    session.execute(select(Account.id))
    session.execute(select(Account.balance))
    session.execute(update(Account).where(Account.id == account).values(balance=CURRENT["account"]))
    session.commit()


@pytest.mark.parametrize(
    ("function", "verdict", "searched"),
    [
        (SERVICE.marks, "fail", "every sequence of Calls (the program has state"),
        (marks, "fail", "every sequence of Calls (the program has state"),
        (SERVICE.marks_well, "pass", "of each class"),
    ],
    ids=["of an object", "of a dictionary", "none"],
)
def test_what_one_leaves_is_held_against_what_another_one_leaves(function: object, verdict: str, searched: str) -> None:
    both = at_once(*(Operation(function, account, name=f"of {account}") for account in (1, 2)))  # type: ignore[arg-type]
    report = prove.explore(both, settings={"journal_mode": "wal"})
    note = next(bound.note for bound in report.bounds if bound.name.endswith("schedules"))
    assert (report.verdict, searched in note) == (verdict, True), note
