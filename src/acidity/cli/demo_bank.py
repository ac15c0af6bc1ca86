"""The bank of ``acidity demo``: a transfer with two flaws that are easy to write, and the same mended.

Ordinary SQLAlchemy on purpose: this is the code of a user, nothing in it knows of acidity but the Scenarios below.
"""

from __future__ import annotations

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.core.scenario import Operation, Scenario

ALL_MONEY = 100


class Base(DeclarativeBase):
    """Declarative base of the bank's one table."""


class Account(Base):
    """An account: who owns it, and how much is on it in whole units."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str]
    balance: Mapped[int]


def two_commits(engine: Engine, payer: int, payee: int, amount: int) -> None:
    """Pay in two transactions: whatever fails between them splits the payment."""
    with Session(engine) as session, session.begin():
        session.execute(update(Account).where(Account.id == payer).values(balance=Account.balance - amount))
    with Session(engine) as session, session.begin():
        session.execute(update(Account).where(Account.id == payee).values(balance=Account.balance + amount))


def read_then_write(engine: Engine, payer: int, payee: int, amount: int) -> None:
    """Pay in one transaction, and compute with balances that were read before."""
    with Session(engine) as session, session.begin():
        source, target = session.get_one(Account, payer), session.get_one(Account, payee)
        source.balance -= amount
        target.balance += amount


def one_commit(engine: Engine, payer: int, payee: int, amount: int) -> None:
    """Pay in one transaction, and let the database compute: no failure and no other caller comes in between."""
    with Session(engine) as session, session.begin():
        session.execute(update(Account).where(Account.id == payer).values(balance=Account.balance - amount))
        session.execute(update(Account).where(Account.id == payee).values(balance=Account.balance + amount))


def two_accounts(session: Session) -> None:
    """Write the rows before: Ann has 70, Bob has 30."""
    session.add_all([Account(id=1, owner="Ann", balance=70), Account(id=2, owner="Bob", balance=30)])


def no_money_is_lost(session: Session) -> bool:
    """Compare the sum of all balances with what was there in the beginning."""
    return session.scalar(select(func.sum(Account.balance))) == ALL_MONEY


torn, lost, mended = (
    Scenario(
        Operation(pay, 1, 2, 30),
        metadata=Base.metadata,
        setup=two_accounts,
        invariants=[no_money_is_lost],
        settings={"sqlite": {"synchronous": "extra"}},  # as it is set by default, SQLite may lose the last COMMIT
    )
    for pay in (two_commits, read_then_write, one_commit)
)
