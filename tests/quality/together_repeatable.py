"""Scenarios of several callers whose reports must be the same in every process; a command can name them."""

from __future__ import annotations

from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity.prove import Operation
from tests.quality.callers import SCENARIOS, Entry, at_once, give, withdraw


def withdraw_and_note(session: Session, amount: int) -> None:
    """What it notes belongs to no account, which the database says with the name of its own."""
    withdraw(session, amount)
    try:
        session.execute(insert(Entry).values(account_id=77, amount=amount))
        session.commit()
    except DBAPIError:
        session.rollback()


deadlock = SCENARIOS["deadlock"]
lost_update = SCENARIOS["lost update of two amounts"]
write_skew = SCENARIOS["write skew"]
refused = at_once(Operation(withdraw_and_note, 10), Operation(withdraw_and_note, 20))
three = at_once(*[Operation(withdraw, each) for each in (10, 20, 30)])
circle = at_once(Operation(give, 1, 2), Operation(give, 2, 1), Operation(withdraw, 5))
