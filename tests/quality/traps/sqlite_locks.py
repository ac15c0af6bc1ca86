"""Traps 5 and 6: a lock that does not come free by waiting, and a COMMIT that fails and stays open."""

from __future__ import annotations

from sqlalchemy import create_engine, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from acidity import atomic
from tests.quality.traps.ledger import Account, booked, ledger
from tests.quality.traps.sqlite_begin import begin_for_real

engine = begin_for_real(create_engine("sqlite://", connect_args={"timeout": 0}))
ENGINE = f"{__name__}:engine"
ATTEMPTS = 3


def is_busy(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlite_errorname", "").startswith("SQLITE_BUSY")


def pay_with_patience(engine: Engine) -> None:
    """'database is locked' goes away when one tries the statement again; not once somebody else has committed."""
    with Session(engine) as session, session.begin():
        balance = session.scalar(select(Account.balance).where(Account.id == 1)) or 0
        for _ in range(ATTEMPTS):
            try:
                session.execute(booked(1, -balance // 10))
                break
            except OperationalError as error:
                if not is_busy(error):
                    raise


def pay_from_the_top(engine: Engine) -> None:
    """The whole unit of work is tried again, with what is true by then."""
    for attempt in range(ATTEMPTS):
        try:
            with Session(engine) as session, session.begin():
                balance = session.scalar(select(Account.balance).where(Account.id == 1)) or 0
                session.execute(booked(1, -balance // 10))
        except OperationalError as error:
            if not is_busy(error) or attempt == ATTEMPTS - 1:
                raise
        else:
            return


def pay_as_in_the_tutorial(engine: Engine) -> None:
    with Session(engine) as session:
        session.execute(booked(1, -10))
        session.execute(booked(2, 10))
        session.commit()


def pay_and_begin(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        session.execute(booked(1, -10))
        session.execute(booked(2, 10))


def pay_with_patience_and_atomic(engine: Engine) -> None:
    """The lock is taken before anything is read, so nobody commits in between."""
    with atomic(engine) as session:
        balance = session.scalar(select(Account.balance).where(Account.id == 1)) or 0
        for _ in range(ATTEMPTS):
            try:
                session.execute(booked(1, -balance // 10))
                break
            except OperationalError as error:
                if not is_busy(error):
                    raise


def pay_with_atomic(engine: Engine) -> None:
    with atomic(engine) as session:
        session.execute(booked(1, -10))
        session.execute(booked(2, 10))


statement_retried = ledger(pay_with_patience, engine, bind=ENGINE)
statement_retried_mended = ledger(pay_from_the_top, engine, bind=ENGINE)
commit_left_open = ledger(pay_as_in_the_tutorial)
commit_left_open_mended = ledger(pay_and_begin)
statement_retried_atomic = ledger(pay_with_patience_and_atomic, engine, bind=ENGINE)
commit_left_open_atomic = ledger(pay_with_atomic)
