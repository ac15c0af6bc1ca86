"""Small operations on the bank, right and wrong ones; `controls` says what a drill must say of each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine, event, insert, select, text, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from tests.engines.bank import ALICE, BOB, Account, Payment, move

# A refused COMMIT that a stranger commits later: what SQLAlchemy does for everybody


def session_stock(engine: Engine) -> None:
    with Session(engine) as session:
        move(session)
        session.commit()


def session_begin(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        move(session)


def session_rolls_back(engine: Engine) -> None:
    with Session(engine) as session:
        try:
            move(session)
            session.commit()
        except BaseException:
            session.rollback()
            raise


def factory_stock(session_factory: sessionmaker[Session]) -> None:
    with session_factory() as session:
        move(session)
        session.commit()


def factory_begin(session_factory: sessionmaker[Session]) -> None:
    with session_factory.begin() as session:
        move(session)


def scoped_stock(session_factory: sessionmaker[Session]) -> None:
    shared = scoped_session(session_factory)
    try:
        move(shared())
        shared.commit()
    finally:
        shared.remove()


def scoped_begin(session_factory: sessionmaker[Session]) -> None:
    shared = scoped_session(session_factory)
    try:
        with shared.begin():
            move(shared())
    finally:
        shared.remove()


def move_by_core(connection: Connection, amount: int = 10) -> None:
    balance = Account.__table__.c.balance
    connection.execute(update(Account.__table__).where(Account.id == ALICE).values(balance=balance - amount))
    connection.execute(update(Account.__table__).where(Account.id == BOB).values(balance=balance + amount))


def core_stock(engine: Engine) -> None:
    with engine.connect() as connection:
        move_by_core(connection)
        connection.commit()


def core_begin(engine: Engine) -> None:
    with engine.begin() as connection:
        move_by_core(connection)


async def async_stock(async_engine: Any) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession

    async with AsyncSession(async_engine) as session:
        await session.run_sync(move)
        await session.commit()


async def async_begin(async_engine: Any) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession

    async with AsyncSession(async_engine) as session, session.begin():
        await session.run_sync(move)


async def async_core_stock(async_engine: Any) -> None:
    async with async_engine.connect() as connection:
        await connection.run_sync(move_by_core)
        await connection.commit()


async def async_core_begin(async_engine: Any) -> None:
    async with async_engine.begin() as connection:
        await connection.run_sync(move_by_core)


def sqlmodel_stock(engine: Engine) -> None:
    from sqlmodel import Session as SqlModelSession

    with SqlModelSession(engine) as session:
        move(session)
        session.commit()


def sqlmodel_begin(engine: Engine) -> None:
    from sqlmodel import Session as SqlModelSession

    with SqlModelSession(engine) as session, session.begin():
        move(session)


DEFERRED = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, balance INTEGER NOT NULL);
CREATE TABLE payments (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL, note TEXT NOT NULL,
    account_id INTEGER NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED);
"""


def deferred(connection: Connection) -> None:
    """The bank with a foreign key that is checked at COMMIT."""
    for statement in DEFERRED.strip().split(";\n"):
        connection.execute(text(statement))


# Torn, doubled, misreported


def two_commits(session: Session) -> None:
    try:
        session.get_one(Account, ALICE).balance -= 10
        session.commit()
        session.get_one(Account, BOB).balance += 10
        session.commit()
    except BaseException:
        session.rollback()
        raise


def in_autocommit(engine: Engine) -> None:
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        move_by_core(connection)


def one_in_autocommit(engine: Engine) -> None:
    """A single write that the database commits by itself is all or nothing."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(update(Account).where(Account.id == ALICE).values(balance=1))
        connection.commit()


async def one_in_async_autocommit(async_engine: Any) -> None:
    async with async_engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(update(Account).where(Account.id == ALICE).values(balance=1))


def one_savepoint(session: Session) -> None:
    """The stdlib driver sends no BEGIN before SAVEPOINT: RELEASE commits, all or nothing."""
    with session.begin(), session.begin_nested():
        session.execute(update(Account).where(Account.id == ALICE).values(balance=1))


def retried(engine: Engine) -> None:
    try:
        session_begin(engine)
    except Exception:
        session_begin(engine)


def retried_with_a_key(engine: Engine) -> None:
    """The payment's own id tells whether the first attempt was committed after all."""
    try:
        pay_once(engine)
    except Exception:
        pay_once(engine)


def pay_once(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        if session.get(Payment, 55) is None:
            move(session)
            session.add(Payment(id=55, account_id=ALICE, amount=10, note="once"))


def error_swallowed(session: Session) -> None:
    """A statement that fails is shrugged off, the rest is committed."""
    for owner, amount in ((ALICE, -10), (BOB, 10)):
        try:
            session.execute(update(Account).where(Account.id == owner).values(balance=Account.balance + amount))
        except Exception:
            continue
    try:
        session.commit()
    except BaseException:
        session.rollback()
        raise


def poisoned(session: Session) -> None:
    """A failed flush has rolled the session back; nobody notices, and all went well, as the caller is told."""
    try:
        session.get_one(Account, ALICE).balance -= 10
        session.flush()
        session.get_one(Account, BOB).balance += 10
        session.commit()
    except Exception:
        session.rollback()


def helper_commits(session: Session) -> None:
    def note(text: str) -> None:
        session.add(Payment(account_id=ALICE, amount=10, note=text))
        session.commit()

    try:
        session.get_one(Account, ALICE).balance -= 10
        note("half")
        session.get_one(Account, BOB).balance += 10
        session.commit()
    except BaseException:
        session.rollback()
        raise


def helper_rolls_back(session: Session) -> None:
    def note(text: str) -> None:
        try:
            session.execute(insert(Payment).values(account_id=ALICE, amount=10, note=text))
        except Exception:
            session.rollback()

    try:
        session.get_one(Account, ALICE).balance -= 10
        session.flush()
        note("gone, and the debit with it")
        session.execute(update(Account).where(Account.id == BOB).values(balance=Account.balance + 10))
        session.commit()
    except BaseException:
        session.rollback()
        raise


def savepoints(session: Session) -> None:
    """The stdlib driver sends no BEGIN before SAVEPOINT, so RELEASE is a COMMIT."""
    with session.begin():
        for owner, amount in ((ALICE, -10), (BOB, 10)):
            with session.begin_nested():
                session.execute(update(Account).where(Account.id == owner).values(balance=Account.balance + amount))


BEGINS = create_engine("sqlite://")


@event.listens_for(BEGINS, "connect")
def _leave_it_to_me(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None


@event.listens_for(BEGINS, "begin")
def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def savepoints_after_begin() -> None:
    """With the recipe of SQLAlchemy's manual a transaction is open before the first SAVEPOINT."""
    with Session(BEGINS) as session:
        savepoints(session)


def nothing_committed(session: Session) -> str:
    move(session)
    return "done"


def failure_as_answer(engine: Engine) -> dict[str, bool]:
    """Every exception becomes an answer; that of a COMMIT that was applied too."""
    try:
        session_begin(engine)
    except Exception:
        return {"success": False}
    return {"success": True}


def commit_failure_ignored(engine: Engine) -> None:
    try:
        session_begin(engine)
    except Exception:
        return


def notified_after_commit(session: Session) -> int:
    """What fails after the commit is no reason to call the whole a failure; a warning is enough."""
    with session.begin():
        move(session)
    return session.scalars(select(Account.balance).where(Account.id == ALICE)).one()
