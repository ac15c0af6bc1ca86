"""Traps 7 and 8: what SQLite leaves out unless it is asked, and money that is a float."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Numeric, create_engine, delete, event, func, insert, select, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import atomic
from acidity.run import configure_sqlite
from tests.quality.traps.ledger import Account, Entry, booked, ledger

plain = create_engine("sqlite://")
checking = create_engine("sqlite://")
configured = create_engine("sqlite://")
configure_sqlite(configured)


@event.listens_for(checking, "connect")
def enforce_foreign_keys(dbapi_connection: Any, _record: Any) -> None:
    cursor = dbapi_connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def close_account(engine: Engine) -> None:
    """The foreign key of its entries will say so if it may not be deleted."""
    with engine.begin() as connection:
        connection.execute(delete(Account).where(Account.id == 2))


def close_account_and_entries(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(delete(Entry).where(Entry.account_id == 2))
        connection.execute(delete(Account).where(Account.id == 2))


def close_account_with_atomic(engine: Engine) -> None:
    """On an engine that is configured, the foreign key does say so."""
    with atomic(engine) as session:
        session.execute(delete(Account).where(Account.id == 2))


class Purses(DeclarativeBase):
    """Declarative base of the purses."""


class Purse(Purses):
    """Money as one would write it for any other database."""

    __tablename__ = "purses"
    __table_args__ = (CheckConstraint("balance >= 0"), CheckConstraint("cents >= 0"))

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[Decimal] = mapped_column(Numeric(18, 2))
    cents: Mapped[int]


class Debt(Purses):
    """What the purse did not cover."""

    __tablename__ = "debts"

    id: Mapped[int] = mapped_column(primary_key=True)
    cents: Mapped[int]


def three_dimes(session: Session) -> None:
    """A purse with 0.30 in it."""
    session.add(Purse(balance=Decimal("0.30"), cents=30))


def nobody_owes_what_he_can_pay(session: Session) -> bool:
    return session.scalar(select(func.count()).select_from(Debt)) == 0


def _buy_three(session: Session, price: dict[Any, Any]) -> None:
    """Pay 0.10 out of the purse, three times; what it does not cover is written down."""
    for _ in range(3):
        try:
            session.execute(update(Purse).values(price))
        except IntegrityError as error:
            if "CHECK" not in str(error):
                raise
            session.execute(insert(Debt).values(cents=10))


def buy_with_numeric(session: Session) -> None:
    with session.begin():
        _buy_three(session, {Purse.balance: Purse.balance - Decimal("0.10")})


def buy_with_cents(session: Session) -> None:
    with session.begin():
        _buy_three(session, {Purse.cents: Purse.cents - 10})


def buy_with_numeric_and_atomic(engine: Engine) -> None:
    """What the database refused and the program swallowed is not committed."""
    with atomic(engine) as session:
        _buy_three(session, {Purse.balance: Purse.balance - Decimal("0.10")})


def purse(function: Any) -> Any:
    return ledger(function, metadata=Purses.metadata, setup=three_dimes, invariants=[nobody_owes_what_he_can_pay])


foreign_key = ledger(close_account, plain, bind=f"{__name__}:plain")
foreign_key_mended = ledger(close_account_and_entries, checking, bind=f"{__name__}:checking")
money = purse(buy_with_numeric)
money_mended = purse(buy_with_cents)


SCRIPT = "DELETE FROM drafts; UPDATE accounts SET balance = balance + 10 WHERE id = 2;"


def post_with_a_script(dbapi_connection: Any) -> None:
    """The rest is a script, and executescript() commits what came before it."""
    with dbapi_connection:
        dbapi_connection.execute("UPDATE accounts SET balance = balance - 10 WHERE id = 1")
        dbapi_connection.executescript(SCRIPT)


def post_statement_by_statement(dbapi_connection: Any) -> None:
    with dbapi_connection:
        dbapi_connection.execute("UPDATE accounts SET balance = balance - 10 WHERE id = 1")
        for statement in filter(None, map(str.strip, SCRIPT.split(";"))):
            dbapi_connection.execute(statement)


def post_with_a_script_on_an_engine(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(booked(1, -10))
        connection.connection.driver_connection.executescript(SCRIPT)


def post_on_an_engine(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(booked(1, -10))
        for statement in filter(None, map(str.strip, SCRIPT.split(";"))):
            connection.execute(text(statement))


def post_with_a_script_and_atomic(engine: Engine) -> None:
    """The unit notices, too late, that its transaction was ended behind its back."""
    with atomic(engine) as session:
        session.execute(booked(1, -10))
        session.connection().connection.driver_connection.executescript(SCRIPT)


script = ledger(post_with_a_script)
script_mended = ledger(post_statement_by_statement)
script_on_engine = ledger(post_with_a_script_on_an_engine)
script_on_engine_mended = ledger(post_on_an_engine)
foreign_key_atomic = ledger(close_account_with_atomic, configured, bind=f"{__name__}:configured")
money_atomic = purse(buy_with_numeric_and_atomic)
script_on_engine_atomic = ledger(post_with_a_script_and_atomic)
