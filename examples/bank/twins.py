"""The same transfer with one mistake each. Nothing in here knows that acidity exists."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Double, String, create_engine, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from examples.bank.models import Account, Entry

engine = create_engine("sqlite:///:memory:")


def transfer_in_autocommit(source: str, target: str, amount: Decimal) -> None:
    """Each UPDATE is a transaction of its own."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for account, change in ((source, -amount), (target, amount)):
            connection.execute(  # <- each UPDATE commits by itself
                update(Account).where(Account.name == account).values(balance=Account.balance + change)
            )


def transfer_absolutely(source: str, target: str, amount: Decimal) -> None:
    """Both balances are read, and what comes of them in Python is written: SET balance = 4500."""
    with Session(engine) as session, session.begin():
        found = dict(session.execute(select(Account.name, Account.balance)).all())  # <- read, to be written over
        for account, change in ((source, -amount), (target, amount)):
            balance = found[account] + change
            session.execute(update(Account).where(Account.name == account).values(balance=balance))


def transfer_again_on_any_error(source: str, target: str, amount: Decimal) -> None:
    """Whatever goes wrong, once more: also when COMMIT was applied, and its answer lost."""
    for attempt in (1, 2):
        try:
            with Session(engine) as session, session.begin():  # <- each COMMIT may have been applied
                _move(session, source, target, amount)
        except DBAPIError:
            if attempt == 2:
                raise
        else:
            return


def transfer_locking_as_it_comes(source: str, target: str, amount: Decimal) -> None:
    """Locks the one that pays and then the other: two transfers from opposite sides wait for each other."""
    with Session(engine) as session, session.begin():
        for account in (source, target):
            session.scalars(select(Account).where(Account.name == account).with_for_update()).one()  # <- as they come
        _move(session, source, target, amount)


def _move(session: Session, source: str, target: str, amount: Decimal) -> None:
    for account, change in ((source, -amount), (target, amount)):
        session.execute(update(Account).where(Account.name == account).values(balance=Account.balance + change))
        session.add(Entry(request="again", account=account, amount=change))
    session.flush()


class FloatBase(DeclarativeBase):
    """Declarative base of a purse that holds floating point."""


class Purse(FloatBase):
    """Money as most people write it first."""

    __tablename__ = "purses"

    owner: Mapped[str] = mapped_column(String(20), primary_key=True)
    balance: Mapped[float] = mapped_column(Double())


def put_in_three_coins(owner: str) -> None:
    """₹0.10, three times."""
    with Session(engine) as session, session.begin():
        for _ in range(3):
            session.execute(update(Purse).where(Purse.owner == owner).values(balance=Purse.balance + 0.10))
