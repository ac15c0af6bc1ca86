"""Traps 9 to 12: an error of the database is caught, and the transaction is taken for what it was before."""

from __future__ import annotations

import logging

from sqlalchemy import insert, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from acidity import atomic, savepoint
from tests.quality.traps.ledger import Account, Entry, booked, ledger

log = logging.getLogger(__name__)
ATTEMPTS = 3
DEADLOCKS = {1213, "40P01"}

FUNDS = select(Account.balance).where(Account.id == 1)
JOURNAL = insert(Entry).values(account_id=1, amount=-10)
STEPS = (booked(1, -10), booked(2, 10), JOURNAL)


def pay_step_by_step(session: Session) -> None:
    """Nothing shall stop the rest; what went wrong is in the log."""
    if (session.scalar(FUNDS) or 0) < 10:
        return
    for step in STEPS:
        try:
            session.execute(step)
        except DBAPIError:
            log.exception("a step of the payment failed")
    session.commit()


async def pay_step_by_step_async(async_session: AsyncSession) -> None:
    if (await async_session.scalar(FUNDS) or 0) < 10:
        return
    for step in STEPS:
        try:
            await async_session.execute(step)
        except DBAPIError:
            log.exception("a step of the payment failed")
    await async_session.commit()


def pay(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        if (session.scalar(FUNDS) or 0) < 10:
            return
        for step in STEPS:
            session.execute(step)


async def pay_async(async_session: AsyncSession) -> None:
    async with async_session.begin():
        if (await async_session.scalar(FUNDS) or 0) < 10:
            return
        for step in STEPS:
            await async_session.execute(step)


def code_of(error: DBAPIError) -> int | str:
    """The engine's own code, under whatever class the driver raises."""
    return getattr(error.orig, "sqlstate", None) or (error.orig.args or ("",))[0] if error.orig else ""


def pay_and_try_journal_again(session: Session) -> None:
    """A savepoint takes back only the journal, which is then tried again."""
    with session.begin():
        session.execute(booked(1, -10))
        for attempt in range(ATTEMPTS):
            try:
                with session.begin_nested():
                    session.execute(JOURNAL)
                break
            except OperationalError:
                if attempt == ATTEMPTS - 1:
                    raise
        session.execute(booked(2, 10))


def pay_all_again(engine: Engine) -> None:
    """A deadlock costs the whole transaction, so the whole is tried again."""
    for attempt in range(ATTEMPTS):
        try:
            with Session(engine) as session, session.begin():
                session.execute(booked(1, -10))
                session.execute(JOURNAL)
                session.execute(booked(2, 10))
        except DBAPIError as error:
            if code_of(error) not in DEADLOCKS or attempt == ATTEMPTS - 1:
                raise
        else:
            return


def pay_step_by_step_with_atomic(engine: Engine) -> None:
    """COMMIT is refused, and names the error that was swallowed."""
    with atomic(engine) as session:
        if (session.scalar(FUNDS) or 0) < 10:
            return
        for step in STEPS:
            try:
                session.execute(step)
            except DBAPIError:
                log.exception("a step of the payment failed")


async def pay_step_by_step_with_atomic_async(async_engine: AsyncEngine) -> None:
    async with atomic(async_engine) as session:
        if (await session.scalar(FUNDS) or 0) < 10:
            return
        for step in STEPS:
            try:
                await session.execute(step)
            except DBAPIError:
                log.exception("a step of the payment failed")


def pay_and_try_journal_again_with_atomic(engine: Engine) -> None:
    """A savepoint that a deadlock has taken away is not gone back to."""
    with atomic(engine) as session:
        session.execute(booked(1, -10))
        for attempt in range(ATTEMPTS):
            try:
                with savepoint():
                    session.execute(JOURNAL)
                break
            except OperationalError:
                if attempt == ATTEMPTS - 1:
                    raise
        session.execute(booked(2, 10))


caught = ledger(pay_step_by_step)
caught_mended = ledger(pay)
caught_async = ledger(pay_step_by_step_async)
caught_async_mended = ledger(pay_async)
savepoint_retried = ledger(pay_and_try_journal_again)
savepoint_retried_mended = ledger(pay_all_again)
caught_atomic = ledger(pay_step_by_step_with_atomic)
caught_async_atomic = ledger(pay_step_by_step_with_atomic_async)
savepoint_retried_atomic = ledger(pay_and_try_journal_again_with_atomic)
