"""Traps 15 and 16: an isolation level that comes too late, and one under which nothing is ever rolled back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, insert, literal, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from acidity import atomic
from tests.quality.traps.ledger import Account, Entry, booked, ledger

FUNDS = select(Account.balance).where(Account.id == 1)
LEVEL = func.current_setting("transaction_isolation")
AUDITED = insert(Entry).from_select(["account_id", "amount", "note"], select(literal(1), literal(0), LEVEL))


def audit_late(session: Session) -> None:
    """The level is asked for after the first statement: SQLAlchemy warns, and everything goes on as it was."""
    session.execute(FUNDS)
    session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
    session.execute(AUDITED)
    session.commit()


def audit(session: Session) -> None:
    session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
    session.execute(FUNDS)
    session.execute(AUDITED)
    session.commit()


def audits_are_serializable(session: Session, run: Any) -> bool:
    before = set(run.before.scalars(select(Entry.id)))
    return all(entry.note == "serializable" for entry in session.scalars(select(Entry)) if entry.id not in before)


def mark_with_late_autocommit(session: Session) -> None:
    """A mark that shall stay whatever happens next; but the transaction had begun, and nobody commits it."""
    session.execute(FUNDS)
    session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    session.execute(insert(Entry).values(account_id=1, amount=0, note="seen"))


def mark(session: Session) -> None:
    session.execute(FUNDS)
    session.execute(insert(Entry).values(account_id=1, amount=0, note="seen"))
    session.commit()


def _pay(engine: Engine) -> None:
    with Session(engine) as session:
        try:
            session.execute(booked(1, -10))
            session.execute(booked(2, 10))
            session.commit()
        except BaseException:
            session.rollback()
            raise


def pay_with_autocommit(engine: Engine) -> None:
    """An engine for reports, on which somebody pays; its ROLLBACK takes back nothing."""
    _pay(engine.execution_options(isolation_level="AUTOCOMMIT"))


def pay(engine: Engine) -> None:
    _pay(engine)


def audit_late_with_atomic(engine: Engine) -> None:
    """Whoever asks for a level inside a unit is told where to ask for it."""
    with atomic(engine) as session:
        session.execute(FUNDS)
        session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
        session.execute(AUDITED)


def mark_with_late_autocommit_and_atomic(engine: Engine) -> None:
    with atomic(engine) as session:
        session.execute(FUNDS)
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        session.execute(insert(Entry).values(account_id=1, amount=0, note="seen"))


def pay_with_autocommit_and_atomic(engine: Engine) -> None:
    with atomic(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
        session.execute(booked(1, -10))
        session.execute(booked(2, 10))


late_level = ledger(audit_late, invariants=[audits_are_serializable])
late_level_mended = ledger(audit, invariants=[audits_are_serializable])
late_autocommit = ledger(mark_with_late_autocommit)
late_autocommit_mended = ledger(mark)
autocommit = ledger(pay_with_autocommit)
autocommit_mended = ledger(pay)
late_level_atomic = ledger(audit_late_with_atomic, invariants=[audits_are_serializable])
late_autocommit_atomic = ledger(mark_with_late_autocommit_and_atomic)
autocommit_atomic = ledger(pay_with_autocommit_and_atomic)
