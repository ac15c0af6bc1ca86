"""The same changes with one mistake each. Nothing in here knows that acidity exists."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from sqlalchemy import String, create_engine, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from examples.command import RefusedError
from examples.constraints.models import Account, Item

engine = create_engine("sqlite:///:memory:")  # nobody has sent PRAGMA foreign_keys = ON


def add_item_to_any_order(order: int, product: int, quantity: int, price: Decimal) -> None:
    """SQLite does not look whether the order exists."""
    with Session(engine) as session, session.begin():
        session.execute(insert(Item).values(order_id=order, product_id=product, quantity=quantity, price=price))


def pay_and_go_on(source: int, target: int, amount: Decimal) -> None:
    """The refused debit is passed over, and the credit committed."""
    with Session(engine) as session:
        session.execute(update(Account).where(Account.id == target).values(balance=Account.balance + amount))
        debit = update(Account).where(Account.id == source).values(balance=Account.balance - amount)
        with suppress(DBAPIError):
            session.execute(debit)  # <- refused, and nobody rolls back
        session.commit()


class UncheckedBase(DeclarativeBase):
    """Declarative base of tables without constraints."""


class Purse(UncheckedBase):
    """An account whose balance the application alone looks after."""

    __tablename__ = "purses"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    balance: Mapped[int]


class Reader(UncheckedBase):
    """Somebody whose address the application alone compares."""

    __tablename__ = "readers"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    email: Mapped[str] = mapped_column(String(60))


def withdraw_if_there_is_enough(purse: int, amount: int) -> None:
    """The balance is compared in the application, and no CHECK refuses what comes of it."""
    with Session(engine) as session, session.begin():
        balance = session.scalars(select(Purse.balance).where(Purse.id == purse)).one()  # <- checked here alone
        if balance < amount:
            raise RefusedError("not enough money")
        session.execute(update(Purse).where(Purse.id == purse).values(balance=Purse.balance - amount))


def add_reader_if_new(number: int, email: str) -> None:
    """The address is looked for in the application, and no UNIQUE refuses the second one."""
    with Session(engine) as session, session.begin():
        if session.scalar(select(Reader.id).where(Reader.email == email)) is not None:  # <- looked for here alone
            raise RefusedError("the address is taken")
        session.execute(insert(Reader).values(id=number, email=email))
