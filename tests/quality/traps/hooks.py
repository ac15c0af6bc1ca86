"""Traps 17 and 18: what the events of a Session seem to say."""

from __future__ import annotations

from sqlalchemy import event, insert
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity import atomic, on_commit, savepoint
from tests.quality.traps.ledger import Entry, booked, ledger, told

RECEIPT = insert(Entry).values(account_id=1, amount=0, note="receipt to be sent")


class OutcomeUnknownError(Exception):
    """COMMIT brought no answer."""


def pay_and_believe_after_rollback(session: Session) -> dict[str, bool]:
    """'It failed' is said only once SQLAlchemy reports the rollback; it reports that of a finished COMMIT too."""
    rolled_back: list[Session] = []
    event.listen(session, "after_rollback", rolled_back.append)
    try:
        session.execute(booked(1, -10))
        session.execute(booked(2, 10))
        session.commit()
    except DBAPIError:
        session.rollback()
        if rolled_back:
            return {"success": False}
        raise
    return {"success": True}


def pay_and_doubt(engine: Engine) -> dict[str, bool]:
    commit_sent = False
    try:
        with Session(engine) as session, session.begin():
            session.execute(booked(1, -10))
            session.execute(booked(2, 10))
            commit_sent = True
    except DBAPIError as error:
        if commit_sent:
            raise OutcomeUnknownError from error
        return {"success": False}
    return {"success": True}


def send_receipt() -> None:
    """The mail is out."""


def pay_with_receipt_after_commit(session: Session) -> None:
    """The receipt goes out after_commit; which is also what RELEASE SAVEPOINT is told as."""
    event.listen(session, "after_commit", lambda _: send_receipt())
    with session.begin():
        with session.begin_nested():
            session.execute(booked(1, -10))
        session.execute(booked(2, 10))


def pay_with_receipt_in_a_row(engine: Engine) -> None:
    """What is to be sent is a row of the same transaction; somebody else sends it."""
    with Session(engine) as session, session.begin():
        with session.begin_nested():
            session.execute(booked(1, -10))
        session.execute(booked(2, 10))
        session.execute(RECEIPT)


def pay_and_believe_after_rollback_with_atomic(engine: Engine) -> dict[str, bool]:
    """A COMMIT without answer is no error of the database's, but CommitUnknown."""
    rolled_back: list[Session] = []
    try:
        with atomic(engine) as session:
            event.listen(session, "after_rollback", rolled_back.append)
            session.execute(booked(1, -10))
            session.execute(booked(2, 10))
    except DBAPIError:
        if rolled_back:
            return {"success": False}
        raise
    return {"success": True}


def pay_with_receipt_on_commit(engine: Engine) -> None:
    """The receipt goes out once COMMIT is confirmed."""
    with atomic(engine) as session:
        on_commit(send_receipt)
        with savepoint():
            session.execute(booked(1, -10))
        session.execute(booked(2, 10))


after_rollback = ledger(pay_and_believe_after_rollback, succeeded=told)
after_rollback_mended = ledger(pay_and_doubt, succeeded=told)
after_commit = ledger(pay_with_receipt_after_commit, effects=[send_receipt])
after_commit_mended = ledger(pay_with_receipt_in_a_row, effects=[send_receipt])
after_rollback_atomic = ledger(pay_and_believe_after_rollback_with_atomic, succeeded=told)
after_commit_atomic = ledger(pay_with_receipt_on_commit, effects=[send_receipt])
