"""Traps 1, 3 and 4: when the stdlib driver of SQLite begins a transaction, and what the usual remedy breaks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event, insert, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from acidity import atomic, savepoint
from tests.quality.traps.ledger import Entry, booked, ledger


def begin_for_real(engine: Engine) -> Engine:
    """The recipe of SQLAlchemy's manual: the driver shall begin nothing by itself, SQLAlchemy does."""

    @event.listens_for(engine, "connect")
    def leave_it_to_us(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


plain = create_engine("sqlite://")
begun = begin_for_real(create_engine("sqlite://"))
skipping = begin_for_real(create_engine("sqlite://", skip_autocommit_rollback=True))

PLAIN, BEGUN, SKIPPING = f"{__name__}:plain", f"{__name__}:begun", f"{__name__}:skipping"


def pay_in_savepoints(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        with session.begin_nested():
            session.execute(booked(1, -10))
        with session.begin_nested():
            session.execute(booked(2, 10))


def pay_into_a_new_table(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE receipts (amount INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO receipts VALUES (10)"))


def note_with_autocommit(engine: Engine) -> None:
    """Right on an engine of its own, without the recipe."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(insert(Entry).values(account_id=1, amount=0, note="looked at"))


def pay(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        session.execute(booked(1, -10))
        session.execute(booked(2, 10))


def pay_in_savepoints_with_atomic(engine: Engine) -> None:
    with atomic(engine) as session:
        with savepoint():
            session.execute(booked(1, -10))
        with savepoint():
            session.execute(booked(2, 10))


def pay_into_a_new_table_with_atomic(engine: Engine) -> None:
    with atomic(engine) as session:
        session.execute(text("CREATE TABLE receipts (amount INTEGER NOT NULL)"))
        session.execute(text("INSERT INTO receipts VALUES (10)"))


def note_with_autocommit_and_atomic(engine: Engine) -> None:
    """A unit of work is no place for AUTOCOMMIT, with or without the recipe."""
    with atomic(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
        session.execute(insert(Entry).values(account_id=1, amount=0, note="looked at"))


def pay_with_atomic(engine: Engine) -> None:
    with atomic(engine) as session:
        session.execute(booked(1, -10))
        session.execute(booked(2, 10))


savepoints = ledger(pay_in_savepoints, plain, bind=PLAIN)
savepoints_mended = ledger(pay_in_savepoints, begun, bind=BEGUN)
table = ledger(pay_into_a_new_table, plain, bind=PLAIN)
table_mended = ledger(pay_into_a_new_table, begun, bind=BEGUN)
autocommit = ledger(note_with_autocommit, begun, bind=BEGUN)
autocommit_mended = ledger(note_with_autocommit, plain, bind=PLAIN)
skipped_rollback = ledger(pay, skipping, bind=SKIPPING)
skipped_rollback_mended = ledger(pay, begun, bind=BEGUN)
savepoints_atomic = ledger(pay_in_savepoints_with_atomic, plain, bind=PLAIN)
table_atomic = ledger(pay_into_a_new_table_with_atomic, plain, bind=PLAIN)
autocommit_atomic = ledger(note_with_autocommit_and_atomic, begun, bind=BEGUN)
skipped_rollback_atomic = ledger(pay_with_atomic, skipping, bind=SKIPPING)
